#include "neumf/serve/fold_in.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>
#include <utility>

#include "neumf/config/option_value.hpp"
#include "neumf/config/options.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/stopwatch.hpp"
#include "neumf/random/philox.hpp"
#include "neumf/sampling/absent_item.hpp"
#include "neumf/sampling/permutation.hpp"

namespace neumf::serve {
namespace {

// A step of a user: positives, each with its negatives, one Philox block for those.
constexpr std::uint32_t positives = 12, negatives = 4;
constexpr std::int32_t samples = positives * (1 + negatives);
constexpr double passes = 4;  // over a user's items, in the middle of what follows
constexpr int fewest_steps = 4, most_steps = 32;
constexpr float first_rate = 0.25f;  // of a table's deviation; it falls to zero

// A power of two, so that there are few different numbers and users can be fitted together.
int steps_of(std::size_t items) {
  const double wanted = passes * static_cast<double>(items) / positives;
  int steps = fewest_steps;
  while (steps < most_steps && steps * std::sqrt(2.0) < wanted) steps *= 2;
  return steps;
}

// Fowler, Noll and Vo's hash FNV-1a.
std::uint64_t hash_of(std::string_view id) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

// What the model was trained with.
std::optional<std::string> setting(const CheckpointInfo& info, std::string_view option) {
  for (auto& [name, value] : settings_of(info.options))
    if (name == option) return value;
  return std::nullopt;
}

// The least squares that the model was trained by, or nothing if that was by another loss.
std::optional<LeastSquaresSpec> least_squares_of(const CheckpointInfo& info) {
  if (setting(info, "loss") != name_of(Loss::ials)) return std::nullopt;
  const auto number = [&](std::string_view name) {
    const auto text = setting(info, name);
    require(text.has_value(), "the checkpoint was trained by --loss ials, but does not tell its --{}", name);
    return read_option<float>(*text, at_least(0));
  };
  return LeastSquaresSpec{.unobserved_weight = number("unobserved_weight"),
                          .l2 = number("embedding_l2"),
                          .l2_power = number("l2_power")};
}

// By which the model was trained. Of models whose logits are free to shift as a whole, as rankings leave
// them, binary cross-entropy would move users to make up for the shift.
FitLoss loss_of(const CheckpointInfo& info) {
  FitLoss fit{.loss = Loss::bce, .group = 1 + negatives};
  if (const auto name = setting(info, "loss")) fit.loss = value_of<Loss>(*name).value_or(Loss::bce);
  if (fit.loss == Loss::full_softmax) fit.loss = Loss::softmax;
  return fit;
}

}  // namespace

template <class Device>
FoldIn<Device>::FoldIn(Context<Device>& context, CheckpointReader& checkpoint, const History& history)
    : context_(context),
      history_(history),
      item_count_(static_cast<std::uint32_t>(checkpoint.shape().items)),
      factors_(static_cast<std::size_t>(checkpoint.shape().factors)),
      embedding_(static_cast<std::size_t>(checkpoint.shape().mlp_embedding())),
      known_(history.users().ids().size()) {
  gmf_.resize(known_.size() * factors_);
  mlp_.resize(known_.size() * embedding_);
  if (const auto spec = least_squares_of(checkpoint.info())) {
    prepare_exact(checkpoint, *spec);
    return;
  }
  fit_.emplace(context, checkpoint, samples, loss_of(checkpoint.info()));
  find_typical(checkpoint);
}

template <class Device>
void FoldIn<Device>::prepare_exact(CheckpointReader& checkpoint, const LeastSquaresSpec& spec) {
  const ParameterLayout layout(checkpoint.shape(), 1);
  const auto items = checkpoint.read(layout.item_gmf), head = checkpoint.read(layout.head_gmf);
  vectors_ = Tensor<float, Cpu>(layout.item_gmf.rows, layout.item_gmf.cols);
  for (std::size_t i = 0; i < items.size(); ++i) vectors_.data()[i] = items[i] * head[i % factors_];
  host_.emplace(context_.threads());
  exact_.emplace(*host_, spec, std::as_const(vectors_).matrix());
}

// Of the first users, who are enough to know.
template <class Device>
void FoldIn<Device>::find_typical(CheckpointReader& checkpoint) {
  constexpr std::int64_t enough = 1 << 18, at_once = 1 << 14;
  const std::int64_t users = std::min(checkpoint.shape().users, enough);
  std::vector<double> sums[2] = {std::vector<double>(factors_), std::vector<double>(embedding_)};
  double squares[2] = {0, 0};
  std::vector<std::uint32_t> block;
  std::vector<float> rows[2];
  for (std::int64_t first = 0; first < users; first += at_once) {
    block.resize(static_cast<std::size_t>(std::min(at_once, users - first)));
    std::iota(block.begin(), block.end(), static_cast<std::uint32_t>(first));
    for (int table = 0; table < 2; ++table) rows[table].resize(block.size() * sums[table].size());
    checkpoint.read_users(block, rows[0], rows[1]);
    for (int table = 0; table < 2; ++table)
      for (std::size_t i = 0; i < rows[table].size(); ++i) {
        const double value = rows[table][i];
        sums[table][i % sums[table].size()] += value;
        squares[table] += value * value;
      }
  }
  const auto count = static_cast<double>(users);
  const auto finish = [&](int table, std::vector<float>& mean, float& deviation) {
    double left = squares[table];
    for (const double sum : sums[table]) {
      mean.push_back(static_cast<float>(sum / count));
      left -= sum * sum / count;
    }
    const double values = count * static_cast<double>(std::max<std::size_t>(sums[table].size(), 1));
    deviation = static_cast<float>(std::sqrt(std::max(left, 0.0) / values));
  };
  finish(0, mean_gmf_, deviation_.gmf);
  finish(1, mean_mlp_, deviation_.mlp);
}

template <class Device>
FitSamples FoldIn<Device>::draw(std::span<const std::uint32_t> users, int step) const {
  FitSamples drawn;
  drawn.items.resize(users.size() * static_cast<std::size_t>(samples));
  drawn.labels.resize(drawn.items.size());
  const auto draw_user = [&](std::size_t u) {
    const auto items = history_.items(users[u]);
    const std::uint64_t seed = hash_of(history_.users().ids()[users[u]]);
    const Philox philox(seed, RandomStream::negatives);
    const Permutation order(items.size(), seed, 0);
    // Who has everything has no negatives.
    const auto own = static_cast<std::uint32_t>(items.size());
    const bool has_all = own == item_count_;
    std::size_t at = u * static_cast<std::size_t>(samples);
    for (std::uint32_t i = 0; i < positives; ++i) {
      const std::uint64_t place = static_cast<std::uint64_t>(step) * positives + i;
      const std::uint32_t positive = items[order(place % items.size())];
      drawn.items[at] = positive;
      drawn.labels[at++] = 1;
      const auto bits = philox(place);
      for (std::uint32_t k = 0; k < negatives; ++k, ++at) {
        drawn.items[at] =
            has_all ? positive : absent_item(items.data(), own, bounded(word_of(bits, k), item_count_ - own));
        drawn.labels[at] = has_all ? 1 : 0;
      }
    }
  };
#pragma omp parallel for num_threads(context_.threads()) schedule(static)
  for (std::size_t u = 0; u < users.size(); ++u) draw_user(u);
  return drawn;
}

template <class Device>
void FoldIn<Device>::fit(std::span<const std::uint32_t> users, int steps) {
  constexpr auto window = static_cast<std::size_t>(UserFit<Device>::window);
  std::vector<float> gmf, mlp;
  for (std::size_t i = 0; i < window; ++i) {
    gmf.insert(gmf.end(), mean_gmf_.begin(), mean_gmf_.end());
    mlp.insert(mlp.end(), mean_mlp_.begin(), mean_mlp_.end());
  }
  fit_->begin(context_, gmf, mlp);
  for (int step = 0; step < steps; ++step) {
    fit_->add_gradients(context_, static_cast<std::int64_t>(users.size()), draw(users, step));
    const float rate = first_rate * static_cast<float>(steps - step) / static_cast<float>(steps);
    fit_->move(context_, {rate * deviation_.gmf, rate * deviation_.mlp});
  }
  fit_->rows(context_, gmf, mlp);
  for (std::size_t i = 0; i < users.size(); ++i) {
    std::copy_n(gmf.data() + i * factors_, factors_, gmf_.data() + users[i] * factors_);
    std::copy_n(mlp.data() + i * embedding_, embedding_, mlp_.data() + users[i] * embedding_);
    known_[users[i]] = 1;
  }
  fitted_ += users.size();
}

template <class Device>
void FoldIn<Device>::solve(std::span<const std::uint32_t> users) {
  std::size_t solved = 0;
#pragma omp parallel for num_threads(host_->threads()) schedule(dynamic) reduction(+ : solved)
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto row = std::span(gmf_).subspan(users[i] * factors_, factors_);
    known_[users[i]] = exact_->solve(history_.items(users[i]), row) ? 1 : 0;
    solved += known_[users[i]];
  }
  require(solved == users.size(),
          "the least squares of {} users cannot be solved in double precision: train the model with a larger "
          "--embedding_l2",
          users.size() - solved);
  fitted_ += users.size();
}

template <class Device>
void FoldIn<Device>::read(std::span<const std::uint32_t> users, std::span<float> gmf, std::span<float> mlp) {
  const Stopwatch time;
  std::vector<std::uint32_t> wanted;
  for (const std::uint32_t user : users)
    if (known_[user] == 0) wanted.push_back(user);
  const auto steps = [&](std::uint32_t user) { return steps_of(history_.items(user).size()); };
  std::sort(wanted.begin(), wanted.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::pair(steps(a), a) < std::pair(steps(b), b);
  });
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  if (exact_) solve(wanted);
  for (std::size_t first = exact_ ? wanted.size() : 0; first < wanted.size();) {
    const int wants = steps(wanted[first]);
    std::size_t count = 0;
    while (count < static_cast<std::size_t>(UserFit<Device>::window) && first + count < wanted.size() &&
           steps(wanted[first + count]) == wants)
      ++count;
    fit(std::span(wanted).subspan(first, count), wants);
    first += count;
  }
  for (std::size_t i = 0; i < users.size(); ++i) {
    std::copy_n(gmf_.data() + users[i] * factors_, factors_, gmf.data() + i * factors_);
    std::copy_n(mlp_.data() + users[i] * embedding_, embedding_, mlp.data() + i * embedding_);
  }
  seconds_ += time.seconds();
}

template class FoldIn<Cpu>;
#ifdef NEUMF_WITH_CUDA
template class FoldIn<Cuda>;
#endif

}  // namespace neumf::serve
