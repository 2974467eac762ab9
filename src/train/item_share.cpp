#include "item_share.hpp"

#include <algorithm>
#include <cstdint>

#include "neumf/comm/row_exchange.hpp"
#include "neumf/core/error.hpp"
#include "neumf/train/sharded_items.hpp"
#include "trainer_spec.hpp"

namespace neumf {
namespace {

// Samples whose items an evaluation reads at once, at least: so few exchanges that they cost nothing.
constexpr std::uint64_t evaluated_at_once = 32768;
// Item tables below that are nothing on any machine.
constexpr double large_tables = 256.0 * 1024 * 1024;

// Of the item tables, with what belongs to their rows: on a rank that holds all, and on one that has the
// share.
struct TableBytes {
  double replicated, sharded;
};

TableBytes table_bytes(const ModelShape& shape, const ItemShare& share, std::size_t copy_bytes) {
  const auto width = static_cast<double>(shape.factors + shape.mlp_embedding());
  const auto copy = static_cast<double>(copy_bytes);
  return {
      static_cast<double>(shape.items) * width * (16 + copy),
      width * (static_cast<double>(share.size()) * 12 + static_cast<double>(share.read_rows) * (8 + copy) +
               static_cast<double>(share.asked_rows()) * 4)};
}

}  // namespace

template <class Device>
std::optional<ItemShare> choose_item_share(const Options& options, const Communicator& communicator,
                                           const Inputs& inputs, std::size_t copy_bytes) {
  const bool forced = options.item_embeddings == ItemEmbeddings::sharded;
  if (options.mode != Mode::train || options.item_embeddings == ItemEmbeddings::replicated)
    return std::nullopt;
  communicator.together([&] {
    require(!forced || exchanges_rows<Device>(),
            "--item_embeddings sharded is for CPU ranks: use --item_embeddings replicated, or --device cpu");
  });
  if (!forced &&
      (communicator.size() == 1 || !exchanges_rows<Device>() || !options.needs_all_items().empty()))
    return std::nullopt;
  const TrainerSpec spec = trainer_spec(options, inputs.shape, false);
  const std::uint64_t samples =
      schedule_of(spec, inputs.shard, communicator).most_groups(communicator.rank()) *
      spec.sampler.group_size();
  const ItemShare share =
      item_share(communicator, inputs.shape.items,
                 std::max({samples, evaluated_at_once, 1 + inputs.dataset.valid_negative()}));
  if (forced) return share;
  const TableBytes bytes = table_bytes(inputs.shape, share, copy_bytes);
  const bool saves_much =
      bytes.replicated >= large_tables && communicator.max(bytes.sharded) < 0.75 * bytes.replicated;
  const bool reads_little = 4 * communicator.sum(samples) < static_cast<std::uint64_t>(inputs.shape.items);
  return saves_much && reads_little ? std::optional(share) : std::nullopt;
}

template std::optional<ItemShare> choose_item_share<Cpu>(const Options&, const Communicator&, const Inputs&,
                                                         std::size_t);
#ifdef NEUMF_WITH_CUDA
template std::optional<ItemShare> choose_item_share<Cuda>(const Options&, const Communicator&, const Inputs&,
                                                          std::size_t);
#endif

}  // namespace neumf
