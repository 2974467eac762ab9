// Interactions that look like MovieLens, for work without the real files.
//
// Sizes, the skew of activity (log-normal above a floor) and of popularity (a stretched exponential in the
// rank) follow the real sets. Items fall into clusters with the same profile of popularity; each user prefers
// a few clusters. So a held-out item can be told from others by popularity, and better by preference, which a
// factor model learns from the other users.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "histories.hpp"

namespace neumf::preprocess {

struct SyntheticSpec {
  std::uint32_t users = 0, items = 0;
  std::uint64_t interactions = 0;  // the held-out ones included
  // The weight of the item at rank r of n is exp(-steepness sqrt(r / n)).
  double steepness = 6;
  // Of the logarithm of a user's interactions beyond the floor.
  double activity_deviation = 1.25;
  // The most active user has this share of the items at most, where the total allows it.
  double largest_share = 0.6;
};

// "ml-20m", "ml-1m" or "USERSxITEMSxINTERACTIONS". Fails on anything else and on impossible sizes.
SyntheticSpec parse_synthetic(std::string_view text);

// A function of the specification, `min_ratings` and `seed` alone. Every user has `min_ratings` interactions
// where the total allows, every item has one, and no user has an item twice. Original ids count from 1. There
// are no times: a user's items are in a drawn order, and the last ones are held out.
Histories generate(const SyntheticSpec& spec, std::uint64_t min_ratings, std::uint64_t seed,
                   std::size_t threads, const HoldOutRules& hold_out = {});

}  // namespace neumf::preprocess
