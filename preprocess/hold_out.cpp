#include "hold_out.hpp"

#include <algorithm>
#include <cmath>

#include "neumf/core/error.hpp"

namespace neumf::preprocess {
namespace {

// Words of the stream of a user's test negatives, beyond all of them: draws count down from these.
constexpr std::uint32_t first_word(HeldOutPart part) {
  return part == HeldOutPart::test ? 0xFFFFFFFFu : 0xBFFFFFFFu;
}

bool earlier(const Interaction& a, const Interaction& b) {
  return a.time() < b.time();
}

// To the end, while the others keep their order.
void move_to_end(std::span<Interaction> rows, std::size_t row) {
  const auto at = rows.begin() + static_cast<std::ptrdiff_t>(row);
  std::rotate(at, at + 1, rows.end());
}

std::size_t latest(std::span<const Interaction> rows) {
  std::size_t latest = 0;
  for (std::size_t i = 1; i < rows.size(); ++i)
    if (!earlier(rows[i], rows[latest])) latest = i;
  return latest;
}

}  // namespace

std::uint32_t held_out_count(const HoldOutRule& rule, HeldOutPart part, std::size_t rows) {
  switch (rule.kind) {
    case HoldOut::last:
    case HoldOut::random:
      return part == HeldOutPart::test || rows > 1 ? 1 : 0;
    case HoldOut::ratio: {
      if (rows < 2) return 0;
      const auto count = std::llround(static_cast<double>(rows) * rule.share);
      return static_cast<std::uint32_t>(std::clamp<long long>(count, 1, static_cast<long long>(rows) - 1));
    }
    case HoldOut::none:
    case HoldOut::time:
      break;
  }
  return 0;
}

HoldOuts::HoldOuts(const HoldOutRules& rules, bool has_times, std::uint64_t seed)
    : rules_(rules), has_times_(has_times), random_(seed, RandomStream::test_negatives) {
  require(has_times || !rules.by_time(),
          "{} time needs times, but the data have none: name their column with --time_column, or hold out "
          "last, random or ratio, which draw without times",
          rules.test.kind == HoldOut::time ? "--split" : "--validation");
}

// `count` rows, each from those that are left.
void HoldOuts::draw(HeldOutPart part, std::span<Interaction> rows, std::uint32_t user,
                    std::size_t count) const {
  for (std::size_t i = 0; i < count; ++i) {
    const auto left = rows.first(rows.size() - i);
    const std::uint32_t word = first_word(part) - static_cast<std::uint32_t>(i);
    const std::size_t row = bounded(random_(user, word)[0], static_cast<std::uint32_t>(left.size()));
    // Only the order of rows with times counts for what is taken next.
    if (has_times_)
      move_to_end(left, row);
    else
      std::swap(left[row], left.back());
  }
}

std::uint32_t HoldOuts::take(HeldOutPart part, std::span<Interaction> rows, std::uint32_t user) const {
  const HoldOutRule& own = rule(part);
  if (own.kind == HoldOut::time) {
    const Time cut = cut_[static_cast<std::size_t>(part)];
    const auto begin = std::stable_partition(rows.begin(), rows.end(),
                                             [&](const Interaction& row) { return row.time() < cut; });
    return static_cast<std::uint32_t>(rows.end() - begin);
  }
  const std::uint32_t count = held_out_count(own, part, rows.size());
  if (count == 0) return 0;
  const bool last_of_all = part == HeldOutPart::validation || rules_.validation.kind == HoldOut::none;
  if (own.kind == HoldOut::random || !has_times_)
    draw(part, rows, user, count);
  else if (own.kind == HoldOut::ratio)
    std::stable_sort(rows.begin(), rows.end(), earlier);
  else if (last_of_all)
    std::swap(rows[latest(rows)], rows.back());
  else
    move_to_end(rows, latest(rows));
  return count;
}

HeldOutCounts HoldOuts::take(std::span<Interaction> rows, std::uint32_t user) const {
  const std::uint32_t test = take(HeldOutPart::test, rows, user);
  const auto left = rows.first(rows.size() - test);
  return {left.empty() ? 0 : take(HeldOutPart::validation, left, user), test};
}

Time time_of_cut(std::span<Time> times, double share, HeldOutPart part) {
  const char* option = part == HeldOutPart::test ? "--test_ratio" : "--validation_ratio";
  require(!times.empty(), "nothing is left to hold out for the validation: give a smaller --test_ratio");
  // Rounded as a user's share is.
  const auto rounded = static_cast<std::size_t>(std::llround(static_cast<double>(times.size()) * share));
  const std::size_t held = std::clamp<std::size_t>(rounded, 1, times.size());
  const auto cut = times.begin() + static_cast<std::ptrdiff_t>(times.size() - held);
  std::nth_element(times.begin(), cut, times.end());
  const Time at = *cut;
  require(std::any_of(times.begin(), cut, [&](const Time& time) { return time < at; }),
          "the latest {} of {} interactions begin at the first time of all, so nothing would be left for "
          "training: give a smaller {}, or hold out last, random or ratio",
          share, times.size(), option);
  return at;
}

}  // namespace neumf::preprocess
