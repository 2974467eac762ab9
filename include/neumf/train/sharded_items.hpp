// Item tables that are shared out over the ranks (--item_embeddings sharded): a rank keeps the rows of a
// range of items, with their moments. An update goes
//   ask (which rows its samples read); their owners bring them up to date; fetch; forward and backward;
//   sum_gradients (which go back to the owners); the owners move the rows.
// So memory and exchange grow with the rows that an update reads, and with the rank's share of the catalogue.
//
// Ranges, not every n-th item: what a rank reads of another lies in one piece, in tables and in checkpoints.
// Most of what an update reads are negatives, which come from all ranges alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "neumf/comm/communicator.hpp"
#include "neumf/comm/row_exchange.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/nn/item_rows.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/ops/deferred_adam.hpp"

namespace neumf {

// The share of this rank in the tables of `items` items, where it reads at most `most_reads` items at once,
// repetitions counted. Collective.
ItemShare item_share(const Communicator& communicator, std::int64_t items, std::uint64_t most_reads);

template <class Device, class T>
class ShardedItems final : public ItemRows<Device> {
 public:
  // `parameters`, which have a share of the tables of `items` items, and `communicator` must outlive it.
  // Throws Error, on all ranks alike, if an update reads more than MPI can count.
  ShardedItems(Context<Device>& context, const Communicator& communicator, Parameters<Device, T>& parameters,
               std::int64_t items);

  // Asks for the rows of `items`; rows[i] is where that of items[i] will be. Collective.
  void ask(Context<Device>& context, std::span<const std::uint32_t> items, std::span<std::uint32_t> rows);
  // The items that this rank has asked for: row i of the item tables will be that of item wanted()[i].
  std::span<const std::uint32_t> wanted() const { return exchange_->wanted(); }
  // Those of its own rows that this rank is asked for, numbered within its share: to be brought up to date
  // before fetch().
  std::span<const std::uint32_t> asked() const { return exchange_->asked(); }
  // Reads what was asked for. Collective.
  void fetch(Context<Device>& context);
  // Both, where all rows are up to date. Collective.
  void read(Context<Device>& context, std::span<const std::uint32_t> items,
            std::span<std::uint32_t> rows) override;

  // Takes the gradients out of the item tables and adds them up at the owners, in the order of the ranks.
  // Collective.
  void sum_gradients(Context<Device>& context);
  // Of sum_gradients: those of asked() in tables, one after the other.
  std::vector<std::span<float>> sums();
  // What this rank keeps, with gradients by position in asked().
  std::vector<ops::AdamTable<T>> tables();

  // Bytes that this rank has sent to others so far.
  std::uint64_t exchanged_bytes() const { return exchange_->bytes(); }
  std::size_t bytes() const;

 private:
  Parameters<Device, T>& parameters_;
  std::unique_ptr<RowExchange<Device>> exchange_;
  std::vector<const Segment*> segments_;     // item tables that the model has
  std::vector<Tensor<float, Device>> sums_;  // [asked_rows, cols] of each
};

}  // namespace neumf
