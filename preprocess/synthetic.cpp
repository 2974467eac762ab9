#include "synthetic.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>
#include <numeric>
#include <span>

#include "neumf/core/error.hpp"
#include "neumf/random/philox.hpp"
#include "table_sample.hpp"

namespace neumf::preprocess {
namespace {

// Independent sequences under RandomStream::synthetic.
enum class Sequence : std::uint32_t { activity, popularity, picks };

Philox sequence(std::uint64_t seed, Sequence which) {
  return {seed, RandomStream::synthetic, static_cast<std::uint32_t>(which)};
}

// A user's interactions go to a few preferred clusters in these shares, the rest anywhere.
constexpr std::array preference_shares = {0.35, 0.20, 0.10};
// No user takes more than this share of a cluster while there is room elsewhere.
constexpr double saturation = 0.6;

// Numbers of one user, in order.
class UserRandom {
 public:
  UserRandom(std::uint64_t seed, std::uint64_t user)
      : philox_(sequence(seed, Sequence::picks)), user_(user) {}
  std::uint32_t bits() {
    if (used_ == 4) {
      block_ = philox_(user_, word_++);
      used_ = 0;
    }
    return block_[used_++];
  }
  std::uint32_t below(std::uint32_t n) { return bounded(bits(), n); }
  double unit() { return open_unit(bits()); }

 private:
  Philox philox_;
  std::uint64_t user_;
  std::uint32_t word_ = 0;
  std::size_t used_ = 4;
  r123::Philox4x32::ctr_type block_{};
};

// Interactions of each user: a floor plus a scaled log-normal number, adding up exactly.
std::vector<std::uint32_t> draw_activity(const SyntheticSpec& spec, std::uint64_t min_ratings,
                                         std::uint64_t seed) {
  require(spec.users > 0 && spec.items > 0, "a synthetic data set needs users and items");
  const Philox random = sequence(seed, Sequence::activity);
  std::vector<double> weights(spec.users);
  for (std::size_t user = 0; user < spec.users; ++user) {
    const auto bits = random(user);
    const double normal = std::sqrt(-2.0 * std::log(open_unit(bits[0]))) *
                          std::cos(2.0 * std::numbers::pi * static_cast<double>(open_unit(bits[1])));
    weights[user] = std::exp(spec.activity_deviation * normal);
  }
  const auto floor = std::min<std::uint64_t>({min_ratings, spec.interactions / spec.users, spec.items});
  auto cap = static_cast<std::uint64_t>(spec.largest_share * spec.items);
  if (cap * spec.users < 2 * spec.interactions) cap = spec.items;
  const auto count = [&](std::size_t user, double scale) {
    return std::min(cap, floor + static_cast<std::uint64_t>(std::min(scale * weights[user], 1e9)));
  };
  const auto total = [&](double scale) {
    std::uint64_t sum = 0;
    for (std::size_t user = 0; user < spec.users; ++user) sum += count(user, scale);
    return sum;
  };
  double low = 0, high = 1;
  while (total(high) < spec.interactions && high < 1e15) high *= 2;
  for (int step = 0; step < 60; ++step) {
    const double middle = (low + high) / 2;
    (total(middle) <= spec.interactions ? low : high) = middle;
  }
  std::vector<std::uint32_t> counts(spec.users);
  std::uint64_t missing = spec.interactions;
  for (std::size_t user = 0; user < spec.users; ++user) {
    counts[user] = static_cast<std::uint32_t>(count(user, low));
    missing -= counts[user];
  }
  for (std::size_t user = 0; missing > 0; user = (user + 1) % spec.users) {
    if (counts[user] >= cap) continue;
    ++counts[user];
    --missing;
  }
  return counts;
}

// Items by cluster, with their popularity.
class Catalogue {
 public:
  Catalogue(const SyntheticSpec& spec, std::uint64_t seed) {
    std::vector<std::uint32_t> by_rank(spec.items);
    std::iota(by_rank.begin(), by_rank.end(), 0);
    std::vector<std::uint64_t> keys(spec.items);
    const Philox random = sequence(seed, Sequence::popularity);
    for (std::size_t item = 0; item < spec.items; ++item) {
      const auto bits = random(item);
      keys[item] = (std::uint64_t{bits[0]} << 32) | bits[1];
    }
    std::sort(by_rank.begin(), by_rank.end(),
              [&](auto a, auto b) { return std::pair(keys[a], a) < std::pair(keys[b], b); });

    const auto clusters =
        std::clamp<std::size_t>(static_cast<std::size_t>(std::cbrt(static_cast<double>(spec.items))), 4, 64);
    clusters_.resize(std::min<std::size_t>(clusters, spec.items));
    for (std::size_t rank = 0; rank < by_rank.size(); ++rank) {
      Cluster& cluster = clusters_[rank % clusters_.size()];
      const double position = (static_cast<double>(rank) + 0.5) / static_cast<double>(spec.items);
      cluster.items.push_back(by_rank[rank]);
      cluster.weights.push_back(std::exp(-spec.steepness * std::sqrt(position)));
      cluster.running_weights.push_back(
          cluster.weights.back() + (cluster.running_weights.empty() ? 0.0 : cluster.running_weights.back()));
    }
  }

  struct Cluster {
    std::vector<std::uint32_t> items;
    std::vector<double> weights, running_weights;
    std::size_t size() const { return items.size(); }
  };
  const std::vector<Cluster>& clusters() const { return clusters_; }

 private:
  std::vector<Cluster> clusters_;
};

// Draws the items of one user after another; owns scratch memory of one thread.
class Picker {
 public:
  Picker(const SyntheticSpec& spec, const Catalogue& catalogue)
      : catalogue_(catalogue), items_(spec.items), taken_(spec.items, false) {}

  // Fills `out` with distinct items in random order.
  void pick(UserRandom random, std::span<std::uint32_t> out) {
    const auto& clusters = catalogue_.clusters();
    choose_clusters(random, out.size());
    std::size_t filled = 0;
    for (std::size_t c = 0; c < clusters.size(); ++c) {
      const auto part = out.subspan(filled, wanted_[c]);
      // Rejection gets slow when a user takes much of a cluster.
      if (part.size() * 8 > clusters[c].size())
        pick_by_race(random, clusters[c], part);
      else
        pick_by_rejection(random, clusters[c], part);
      filled += part.size();
    }
    for (std::size_t i = out.size(); i > 1; --i)
      std::swap(out[i - 1], out[random.below(static_cast<std::uint32_t>(i))]);
  }

 private:
  // How many items come from each cluster, in wanted_.
  void choose_clusters(UserRandom& random, std::size_t count) {
    const auto& clusters = catalogue_.clusters();
    const auto cluster_count = static_cast<std::uint32_t>(clusters.size());
    std::array<std::uint32_t, preference_shares.size()> preferred{};
    for (auto& cluster : preferred)
      cluster = random.below(cluster_count);  // a repeated one is preferred more
    wanted_.assign(cluster_count, 0);
    for (std::size_t i = 0; i < count; ++i) {
      double point = random.unit();
      std::size_t taste = 0;
      while (taste < preferred.size() && point >= preference_shares[taste])
        point -= preference_shares[taste++];
      ++wanted_[taste < preferred.size() ? preferred[taste] : random.below(cluster_count)];
    }
    const bool saturated = static_cast<double>(count) > saturation * static_cast<double>(items_);
    const auto room = [&](std::size_t c) {
      return saturated
                 ? clusters[c].size()
                 : static_cast<std::size_t>(std::ceil(saturation * static_cast<double>(clusters[c].size())));
    };
    std::size_t overflow = 0;
    for (std::size_t c = 0; c < cluster_count; ++c) {
      if (wanted_[c] <= room(c)) continue;
      overflow += wanted_[c] - room(c);
      wanted_[c] = room(c);
    }
    for (std::size_t c = random.below(cluster_count); overflow > 0; c = (c + 1) % cluster_count) {
      if (wanted_[c] >= room(c)) continue;
      ++wanted_[c];
      --overflow;
    }
  }

  void pick_by_rejection(UserRandom& random, const Catalogue::Cluster& cluster,
                         std::span<std::uint32_t> out) {
    const auto& running = cluster.running_weights;
    for (auto& chosen : out) {
      do {
        const auto found =
            std::upper_bound(running.begin(), running.end() - 1, random.unit() * running.back());
        chosen = cluster.items[static_cast<std::size_t>(found - running.begin())];
      } while (taken_[chosen]);
      taken_[chosen] = true;
    }
    for (const std::uint32_t item : out) taken_[item] = false;
  }

  // Draws without replacement by exponential arrival times (Efraimidis and Spirakis, 2006): the same
  // distribution as rejection.
  void pick_by_race(UserRandom& random, const Catalogue::Cluster& cluster, std::span<std::uint32_t> out) {
    race_.clear();
    for (std::size_t i = 0; i < cluster.size(); ++i)
      race_.emplace_back(-std::log(random.unit()) / cluster.weights[i], cluster.items[i]);
    std::nth_element(race_.begin(),
                     race_.begin() + static_cast<std::ptrdiff_t>(out.size() - (out.size() == race_.size())),
                     race_.end());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = race_[i].second;
  }

  const Catalogue& catalogue_;
  std::uint32_t items_;
  std::vector<bool> taken_;
  std::vector<std::size_t> wanted_;
  std::vector<std::pair<double, std::uint32_t>> race_;
};

// Gives each item that nobody has to some user, in exchange for a more popular one.
void cover_all_items(Histories& histories, std::uint32_t item_count) {
  std::vector<std::uint32_t> owners(item_count, 0);
  for (const std::uint32_t item : histories.items) ++owners[item];
  std::size_t user = 0;
  for (std::uint32_t item = 0; item < item_count; ++item) {
    while (owners[item] == 0) {
      const auto first = histories.items.begin() + static_cast<std::ptrdiff_t>(histories.offsets[user]);
      const auto last = histories.items.begin() + static_cast<std::ptrdiff_t>(histories.offsets[user + 1]);
      const auto most_common =
          std::max_element(first, last, [&](auto a, auto b) { return owners[a] < owners[b]; });
      user = (user + 1) % histories.users();
      if (owners[*most_common] < 2) continue;  // there is another user: more interactions than items seen
      --owners[*most_common];
      *most_common = item;
      ++owners[item];
    }
  }
}

std::vector<std::int64_t> ids_from_one(std::size_t count) {
  std::vector<std::int64_t> ids(count);
  std::iota(ids.begin(), ids.end(), 1);
  return ids;
}

}  // namespace

SyntheticSpec parse_synthetic(std::string_view text) {
  if (text == "ml-20m") return {138'493, 26'744, 20'000'263, 12, 1.38, 0.35};
  if (text == "ml-1m") return {6'040, 3'706, 1'000'209, 5.5, 1.14, 0.62};
  std::array<std::uint64_t, 3> sizes{};
  const char* p = text.data();
  const char* const end = p + text.size();
  bool good = true;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (i > 0) good = good && p < end && *p++ == 'x';
    const auto [next, error] = std::from_chars(p, end, sizes[i]);
    good = good && error == std::errc{};
    p = next;
  }
  const auto [users, items, interactions] = sizes;
  require(good && p == end, "unknown synthetic data set '{}': use ml-20m, ml-1m or USERSxITEMSxINTERACTIONS",
          printable(text));
  constexpr std::uint64_t most = 0x7FFFFFFF;
  require(users >= 1 && items >= 1 && users <= most && items <= most,
          "synthetic data set '{}': users and items must be 1 to {}", text, most);
  require(
      interactions >= std::max(users, items) && interactions <= users * items,
      "synthetic data set '{}': interactions must be {} to {} (each user and item has one, no pair has two)",
      text, std::max(users, items), users * items);
  SyntheticSpec spec;
  spec.users = static_cast<std::uint32_t>(users);
  spec.items = static_cast<std::uint32_t>(items);
  spec.interactions = interactions;
  return spec;
}

Histories generate(const SyntheticSpec& spec, std::uint64_t min_ratings, std::uint64_t seed,
                   std::size_t threads, const HoldOutRules& hold_out) {
  require(!hold_out.by_time(), "synthetic data have no times: hold out last, random or ratio, not time");
  const std::vector<std::uint32_t> activity = draw_activity(spec, min_ratings, seed);
  const Catalogue catalogue(spec, seed);
  Histories histories;
  histories.interactions = spec.interactions;
  for (const std::uint32_t count : activity) {
    histories.offsets.push_back(histories.offsets.back() + count);
    const std::uint32_t test = held_out_count(hold_out.test, HeldOutPart::test, count);
    histories.held_out.push_back(
        {held_out_count(hold_out.validation, HeldOutPart::validation, count - test), test});
  }
  histories.items.resize(spec.interactions);
#pragma omp parallel num_threads(static_cast <int>(threads))
  {
    Picker picker(spec, catalogue);
#pragma omp for schedule(dynamic, 64)
    for (std::size_t user = 0; user < spec.users; ++user)
      picker.pick(UserRandom(seed, user),
                  std::span(histories.items).subspan(histories.offsets[user], activity[user]));
  }
  cover_all_items(histories, spec.items);
  histories.user_ids = ids_from_one(spec.users);
  histories.item_ids = ids_from_one(spec.items);
  return histories;
}

}  // namespace neumf::preprocess
