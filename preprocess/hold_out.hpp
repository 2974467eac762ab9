// Which of a user's interactions are held out of training, for the test and for the validation.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "neumf/core/value_names.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/random/philox.hpp"
#include "time_text.hpp"

namespace neumf::preprocess {

// last: each user's latest interaction. random: a drawn one. ratio: a share of each user's, the latest.
// time: the latest share of all interactions, whoever they are of: all since one point in time.
enum class HoldOut { none, last, random, ratio, time };
constexpr auto value_names(HoldOut) {
  return std::to_array<NamedValue<HoldOut>>({{"none", HoldOut::none},
                                             {"last", HoldOut::last},
                                             {"random", HoldOut::random},
                                             {"ratio", HoldOut::ratio},
                                             {"time", HoldOut::time}});
}

struct HoldOutRule {
  HoldOut kind = HoldOut::none;
  double share = 0;  // of ratio and time

  bool has_share() const { return kind == HoldOut::ratio || kind == HoldOut::time; }
};

// The validation is cut from what the test leaves.
struct HoldOutRules {
  HoldOutRule test{HoldOut::last}, validation{};

  bool by_time() const { return test.kind == HoldOut::time || validation.kind == HoldOut::time; }
};

// How many of a user's `rows` interactions a rule other than time holds out. The test takes one even of a
// user who has no other, as the reference does; everything else leaves one for training.
std::uint32_t held_out_count(const HoldOutRule& rule, HeldOutPart part, std::size_t rows);

struct Interaction {
  std::int64_t seconds;
  std::uint32_t nanoseconds;
  std::uint32_t item;

  Time time() const { return {seconds, nanoseconds}; }
};

// Of a user's interactions: [training ..., validation ..., test ...].
struct HeldOutCounts {
  std::uint32_t validation = 0, test = 0;
};

// Applies the rules to one user at a time.
class HoldOuts {
 public:
  // Without times the latest interactions are not known: `last` and `ratio` draw, as a function of `seed`,
  // the user and the order of the file, and `time` fails.
  HoldOuts(const HoldOutRules& rules, bool has_times, std::uint64_t seed);

  const HoldOutRules& rules() const { return rules_; }
  // Where `part` begins, for HoldOut::time.
  void set_cut(HeldOutPart part, const Time& cut) { cut_[static_cast<std::size_t>(part)] = cut; }

  // Moves the rows that are held out for `part` to the end, and returns how many they are. `rows`: in the
  // order of the file, no item twice, at least one; of the validation what the test has left. Of rows of one
  // time the last in the file is the latest.
  std::uint32_t take(HeldOutPart part, std::span<Interaction> rows, std::uint32_t user) const;
  // Both, where no rule is by time.
  HeldOutCounts take(std::span<Interaction> rows, std::uint32_t user) const;

 private:
  const HoldOutRule& rule(HeldOutPart part) const {
    return part == HeldOutPart::test ? rules_.test : rules_.validation;
  }
  void draw(HeldOutPart part, std::span<Interaction> rows, std::uint32_t user, std::size_t count) const;

  HoldOutRules rules_;
  bool has_times_;
  Philox random_;
  std::array<Time, 2> cut_{};  // by part
};

// Where the latest `share` of `times`, which are reordered, begins. All of one time are on the same side.
// Fails if nothing would be left before it.
Time time_of_cut(std::span<Time> times, double share, HeldOutPart part);

}  // namespace neumf::preprocess
