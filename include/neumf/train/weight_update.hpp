// How an update moves a rank's parameters: by SGD or by Adam, in one pass over all of them, but for the rows
// of embedding tables that Adam defers (ops/deferred_adam.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "neumf/config/options.hpp"
#include "neumf/core/context.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/ops/adam.hpp"
#include "neumf/ops/batch.hpp"
#include "neumf/ops/deferred_adam.hpp"
#include "neumf/ops/step_state.hpp"
#include "neumf/train/sharded_items.hpp"

namespace neumf {

// How many rows an update reads of the embedding tables at most, repetitions counted, on all ranks that give
// gradients to them; 0 to defer nothing.
struct UpdateReach {
  std::uint64_t users = 0, items = 0;
};

template <class Device, class T>
class WeightUpdate {
 public:
  // `parameters` and `items`, where their tables are shared out, must outlive it. Those are Adam's alone.
  WeightUpdate(Parameters<Device, T>& parameters, Optimizer optimizer, const UpdateReach& reach,
               const Freeze& freeze = {}, ShardedItems<Device, T>* items = nullptr);

  // Before a block of the update's samples is read.
  void prepare(Context<Device>& context, const BatchView& block);
  // Before run(), if other ranks have given gradients to `items`; of items that are shared out before they
  // are read, once in an update, all that this rank is asked for.
  void prepare_items(Context<Device>& context, std::span<const std::uint32_t> items);
  // Moves the parameters along their gradients, and clears those. SGD uses `adam`'s weight decay.
  void run(Context<Device>& context, const ops::AdamSpec& adam, const ops::StepState* state);
  // Before anything else reads the parameters.
  void complete(Context<Device>& context);

  bool defers() const { return deferred_->has_tables(); }
  std::size_t bytes() const { return deferred_->bytes(); }

 private:
  // The elements [first, end).
  struct Range {
    std::int64_t first, end;
    template <class Span>
    Span of(Span all) const {
      if (all.empty()) return all;  // copies in fp32
      return all.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(end - first));
    }
  };

  Parameters<Device, T>& parameters_;
  Optimizer optimizer_;
  std::unique_ptr<ops::DeferredAdam<Device, T>> deferred_;
  std::vector<Range> immediate_;  // all other elements that move
  std::vector<Range> frozen_;     // whose gradients are dropped
};

}  // namespace neumf
