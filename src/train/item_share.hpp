// Whether the item tables are shared out over the ranks (--item_embeddings).
#pragma once

#include <cstddef>
#include <optional>

#include "inputs.hpp"
#include "neumf/comm/communicator.hpp"
#include "neumf/config/options.hpp"
#include "neumf/nn/parameters.hpp"

namespace neumf {

// This rank's share, or nothing where every rank holds all items. Left to the program, they are shared out
// where that is possible, saves much memory, and an update reads a small part of the catalogue. `copy_bytes`:
// of a weight in the type in which products are computed, 0 in fp32. Collective; fails on all ranks alike.
template <class Device>
std::optional<ItemShare> choose_item_share(const Options& options, const Communicator& communicator,
                                           const Inputs& inputs, std::size_t copy_bytes);

}  // namespace neumf
