// Rows in any order as few ranges that can be read from a file.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neumf/data/dataset.hpp"

namespace neumf {

// Ranges of users that cover `users` (any order, repetitions allowed) in ascending order, none longer than
// `most`. Users less than `gap` apart share a range: reading a few rows too many costs less than reading once
// more.
std::vector<UserRange> covering_ranges(std::span<const std::uint32_t> users, std::uint64_t gap,
                                       std::uint64_t most = UINT64_MAX);

}  // namespace neumf
