#include "neumf/sampling/sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <vector>

namespace neumf {
namespace {

struct HostSet {
  std::vector<std::uint32_t> users, items;
  std::vector<std::uint64_t> offsets{0};
  std::uint64_t first = 0;

  void add_user(const std::vector<std::uint32_t>& ascending_items) {
    for (const auto item : ascending_items) {
      users.push_back(static_cast<std::uint32_t>(offsets.size() - 1));
      items.push_back(item);
    }
    offsets.push_back(users.size());
  }
  TrainingSetView view() const { return {users.data(), items.data(), offsets.data(), users.size(), first}; }
};

constexpr std::uint32_t item_count = 50;

// Users with 1 item, several, all but one, the first and the last of the catalogue.
HostSet host_set() {
  HostSet set;
  set.add_user({7});
  set.add_user({0, 3, 4, 20, 31});
  std::vector<std::uint32_t> all_but_one;
  for (std::uint32_t item = 0; item < item_count; ++item)
    if (item != 17) all_but_one.push_back(item);
  set.add_user(all_but_one);
  set.add_user({0, 49});
  set.add_user({10, 11, 12, 13, 14, 15, 16});
  return set;
}

using Sample = std::tuple<std::uint32_t, std::uint32_t, bool>;  // user, item, label

// All samples of an epoch as the documentation tells, in the order of the shuffle.
std::map<std::uint64_t, Sample> epoch_samples(const HostSet& set, const SamplerSpec& spec) {
  std::map<std::uint64_t, Sample> samples;
  const TrainingSetView view = set.view();
  const Permutation shuffle = spec.permutation(view);
  EXPECT_EQ(shuffle.size(), spec.groups(view.positives));
  for (std::uint64_t position = 0; position < shuffle.size(); ++position)
    for (std::uint64_t j = 0; j < spec.group_size(); ++j) {
      const std::uint64_t local = shuffle(position) * spec.group_size() + j;
      const std::uint64_t positive = local / spec.per_positive();
      const std::uint64_t id = set.first * spec.per_positive() + local;
      const bool inserted =
          samples
              .emplace(id, Sample{set.users[positive], sample_item(view, spec, positive, id),
                                  id % spec.per_positive() == 0})
              .second;
      EXPECT_TRUE(inserted) << "sample " << id << " twice";
    }
  return samples;
}

SamplerSpec spec_of(Sampling sampling, std::uint32_t negatives, bool exact, std::uint32_t epoch = 2) {
  return {sampling, negatives, item_count, exact, 42, epoch, 0};
}

TEST(Sampler, CountsGroups) {
  EXPECT_EQ(spec_of(Sampling::grouped, 4, false).group_size(), 5u);
  EXPECT_EQ(spec_of(Sampling::grouped, 4, false).groups(10), 10u);
  EXPECT_EQ(spec_of(Sampling::shuffled, 4, false).group_size(), 1u);
  EXPECT_EQ(spec_of(Sampling::shuffled, 4, false).groups(10), 50u);
  EXPECT_EQ(spec_of(Sampling::shuffled, 0, false).groups(10), 10u);
  // More samples than fit 32 bits.
  EXPECT_EQ(spec_of(Sampling::shuffled, 4, false).groups(2'000'000'000), 10'000'000'000u);
}

TEST(Sampler, GivesTheSameSamplesGroupedAndShuffled) {
  const HostSet set = host_set();
  for (const std::uint32_t negatives : {0u, 1u, 4u})
    for (const bool exact : {false, true}) {
      const auto grouped = epoch_samples(set, spec_of(Sampling::grouped, negatives, exact));
      const auto shuffled = epoch_samples(set, spec_of(Sampling::shuffled, negatives, exact));
      EXPECT_EQ(grouped.size(), set.users.size() * (1 + negatives));
      EXPECT_EQ(grouped, shuffled);
    }
}

TEST(Sampler, HasEveryPositiveOnce) {
  const HostSet set = host_set();
  std::multiset<std::pair<std::uint32_t, std::uint32_t>> want, got;
  for (std::size_t i = 0; i < set.users.size(); ++i) want.emplace(set.users[i], set.items[i]);
  for (const auto& [id, sample] : epoch_samples(set, spec_of(Sampling::shuffled, 4, false)))
    if (std::get<2>(sample)) got.emplace(std::get<0>(sample), std::get<1>(sample));
  EXPECT_EQ(got, want);
}

TEST(Sampler, DrawsOtherNegativesInOtherEpochs) {
  const HostSet set = host_set();
  const auto a = epoch_samples(set, spec_of(Sampling::grouped, 40, false, 0));
  const auto b = epoch_samples(set, spec_of(Sampling::grouped, 40, false, 1));
  int equal = 0, negatives = 0;
  for (const auto& [id, sample] : a) {
    if (std::get<2>(sample)) continue;
    ++negatives;
    equal += sample == b.at(id);
  }
  // Independent draws agree once in item_count; within four standard deviations.
  const double rate = 1.0 / item_count;
  EXPECT_NEAR(equal, negatives * rate, 4 * std::sqrt(negatives * rate * (1 - rate)));
}

// 64 negatives of each positive; 99.99 % point of chi-square with 49 degrees of freedom is 98.
TEST(Sampler, DrawsNegativesUniformly) {
  HostSet set;
  for (std::uint32_t user = 0; user < 400; ++user)
    set.add_user({
        user % item_count,
    });
  std::vector<double> counts(item_count, 0);
  for (const auto& [id, sample] : epoch_samples(set, spec_of(Sampling::grouped, 64, false)))
    if (!std::get<2>(sample)) ++counts[std::get<1>(sample)];
  const double expected = 400 * 64.0 / item_count;
  double chi_square = 0;
  for (const double count : counts) chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_square, 98);
}

TEST(Sampler, DrawsNegativesByPopularity) {
  HostSet set;
  for (std::uint32_t user = 0; user < 400; ++user) set.add_user({user % item_count});
  std::vector<std::uint64_t> popularity(item_count);
  for (std::uint32_t item = 0; item < item_count; ++item) popularity[item] = 1 + item * item;
  const auto slots = popularity_distribution(popularity, 0.5).slots;
  TrainingSetView view = set.view();
  view.slots = slots.data();
  const auto spec = spec_of(Sampling::grouped, 64, false);
  std::vector<double> counts(item_count, 0);
  for (std::uint64_t positive = 0; positive < 400; ++positive)
    for (std::uint64_t k = 1; k <= 64; ++k) ++counts[sample_item(view, spec, positive, positive * 65 + k)];
  double sum = 0, chi_square = 0;
  for (const auto count : popularity) sum += std::sqrt(static_cast<double>(count));
  for (std::uint32_t item = 0; item < item_count; ++item) {
    const double expected = 400 * 64.0 * std::sqrt(static_cast<double>(popularity[item])) / sum;
    chi_square += (counts[item] - expected) * (counts[item] - expected) / expected;
  }
  EXPECT_LT(chi_square, 98);
}

// User 4 has 7 items; its exact negatives are uniform over the other 43 (42 degrees of freedom: 88).
TEST(Sampler, DrawsExactNegativesUniformlyFromTheRest) {
  HostSet set;
  const std::vector<std::uint32_t> own{0, 11, 12, 13, 14, 30, 49};
  set.add_user(own);
  std::vector<double> counts(item_count, 0);
  for (const auto& [id, sample] : epoch_samples(set, spec_of(Sampling::grouped, 4000, true)))
    if (!std::get<2>(sample)) ++counts[std::get<1>(sample)];
  const double expected = 7 * 4000.0 / 43;
  double chi_square = 0;
  for (std::uint32_t item = 0; item < item_count; ++item) {
    if (std::binary_search(own.begin(), own.end(), item)) {
      EXPECT_EQ(counts[item], 0) << "item " << item;
    } else {
      chi_square += (counts[item] - expected) * (counts[item] - expected) / expected;
    }
  }
  EXPECT_LT(chi_square, 88);
}

TEST(Sampler, NeverDrawsAPositiveAsAnExactNegative) {
  const HostSet set = host_set();
  int certain = 0;
  for (std::uint32_t epoch = 0; epoch < 50; ++epoch)
    for (const auto& [id, sample] : epoch_samples(set, spec_of(Sampling::shuffled, 4, true, epoch))) {
      const auto& [user, item, label] = sample;
      ASSERT_EQ(in_training(set.view(), user, item), label) << "user " << user << ", item " << item;
      if (user == 2 && !label) {
        ASSERT_EQ(item, 17u);  // the only item that the user has not
        ++certain;
      }
    }
  EXPECT_EQ(certain, 50 * 49 * 4);
}

// A user with 99 % of a catalogue: 33 items are left, of which none may be more likely than another (32
// degrees of freedom: 75), wherever they lie.
TEST(Sampler, DrawsExactNegativesOfADenseUserUniformly) {
  constexpr std::uint32_t items = 3300;
  std::vector<std::uint32_t> own, left;
  for (std::uint32_t item = 0; item < items; ++item)
    (item < 20 || item % 270 == 7 || item == items - 1 ? left : own).push_back(item);
  ASSERT_EQ(left.size(), 33u);
  HostSet set;
  set.add_user(own);
  SamplerSpec spec = spec_of(Sampling::grouped, 4, true);
  spec.item_count = items;
  std::map<std::uint32_t, double> counts;
  for (const auto& [id, sample] : epoch_samples(set, spec))
    if (!std::get<2>(sample)) ++counts[std::get<1>(sample)];
  const double expected = static_cast<double>(own.size()) * 4 / 33;
  double chi_square = 0, drawn = 0;
  for (const auto item : left) {
    chi_square += (counts[item] - expected) * (counts[item] - expected) / expected;
    drawn += counts[item];
  }
  EXPECT_EQ(drawn, static_cast<double>(own.size()) * 4);
  EXPECT_LT(chi_square, 75);
}

TEST(Sampler, FindsTheOneItemLeft) {
  constexpr std::uint32_t items = 65536;
  for (const std::uint32_t left : {0u, 9999u, items - 1}) {
    HostSet set;
    std::vector<std::uint32_t> own;
    for (std::uint32_t item = 0; item < items; ++item)
      if (item != left) own.push_back(item);
    set.add_user(own);
    SamplerSpec spec = spec_of(Sampling::grouped, 1, true);
    spec.item_count = items;
    for (std::uint64_t positive = 0; positive < own.size(); ++positive)
      ASSERT_EQ(sample_item(set.view(), spec, positive, 2 * positive + 1), left);
  }
}

TEST(Sampler, KnowsWhatIsInTraining) {
  const HostSet set = host_set();
  for (std::uint32_t user = 0; user + 1 < set.offsets.size(); ++user)
    for (std::uint32_t item = 0; item < item_count + 2; ++item) {
      bool found = false;
      for (std::size_t i = 0; i < set.users.size(); ++i)
        found = found || (set.users[i] == user && set.items[i] == item);
      EXPECT_EQ(in_training(set.view(), user, item), found) << "user " << user << ", item " << item;
    }
}

// Ranks that hold a part of the users draw what one rank would.
TEST(Sampler, DoesNotDependOnTheNumberOfRanks) {
  const HostSet whole = host_set();
  for (const bool exact : {false, true})
    for (std::uint32_t cut = 1; cut < 5; ++cut) {
      HostSet parts[2];
      for (std::uint32_t user = 0; user < 5; ++user)
        parts[user < cut ? 0 : 1].add_user(
            {whole.items.begin() + static_cast<std::ptrdiff_t>(whole.offsets[user]),
             whole.items.begin() + static_cast<std::ptrdiff_t>(whole.offsets[user + 1])});
      parts[1].first = parts[0].users.size();
      const auto spec = spec_of(Sampling::grouped, 4, exact);
      const auto want = epoch_samples(whole, spec);
      auto got = epoch_samples(parts[0], spec);
      for (const auto& [id, sample] : epoch_samples(parts[1], spec))
        got.emplace(id, Sample{std::get<0>(sample) + cut, std::get<1>(sample), std::get<2>(sample)});
      EXPECT_EQ(got, want);
    }
}

// Ranks do not shuffle alike.
TEST(Sampler, ShufflesDifferentlyOnEveryRank) {
  HostSet set;
  for (std::uint32_t user = 0; user < 1000; ++user) set.add_user({user % item_count});
  HostSet next = set;
  next.first = 1000;
  const auto spec = spec_of(Sampling::grouped, 4, false);
  const Permutation a = spec.permutation(set.view()), b = spec.permutation(next.view());
  int equal = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) equal += a(i) == b(i);
  EXPECT_LE(equal, 8);  // one on average
}

}  // namespace
}  // namespace neumf
