#include "neumf/train/sharded_items.hpp"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "neumf/core/error.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/memory.hpp"

namespace neumf {

ItemShare item_share(const Communicator& communicator, std::int64_t items, std::uint64_t most_reads) {
  const RowShare own = row_share(items, communicator.rank(), communicator.size());
  const auto reads = static_cast<std::int64_t>(std::min(most_reads, static_cast<std::uint64_t>(items)));
  return {own.first, own.last, reads, communicator.sum(reads)};
}

template <class Device, class T>
ShardedItems<Device, T>::ShardedItems(Context<Device>& context, const Communicator& communicator,
                                      Parameters<Device, T>& parameters, std::int64_t items)
    : parameters_(parameters),
      exchange_(make_row_exchange<Device>(communicator, items)),
      segments_(parameters.layout().item_segments()) {
  require(parameters.item_share().has_value(), "the item tables are not shared out");
  const ItemShare& share = *parameters.item_share();
  for (const Segment* s : segments_) {
    require(share.reads_of_all * s->cols <= std::numeric_limits<int>::max(),
            "--item_embeddings sharded: an update reads up to {} rows of {} numbers, more than one MPI call "
            "takes: "
            "lower --batch_size, or use --item_embeddings replicated",
            share.reads_of_all, s->cols);
    sums_.emplace_back(share.asked_rows(), s->cols);
    ops::fill_zero(context, sums_.back().span());
  }
}

template <class Device, class T>
void ShardedItems<Device, T>::ask(Context<Device>& context, std::span<const std::uint32_t> items,
                                  std::span<std::uint32_t> rows) {
  exchange_->ask(context, items, rows);
}

template <class Device, class T>
void ShardedItems<Device, T>::fetch(Context<Device>& context) {
  std::vector<Matrix<const float>> kept;
  std::vector<Matrix<float>> read;
  for (const Segment* s : segments_) {
    kept.push_back(parameters_.kept(ParameterSet::weights, *s));
    read.push_back(parameters_.weight(*s));
  }
  exchange_->fetch(context, kept, read);
  if constexpr (!std::is_same_v<T, float>)
    for (const Segment* s : segments_) {
      const auto count = wanted().size() * static_cast<std::size_t>(s->cols);
      ops::convert(context, std::span<const float>(parameters_.weight(*s).data, count),
                   std::span<T>(parameters_.copy(*s).data, count));
    }
}

template <class Device, class T>
void ShardedItems<Device, T>::read(Context<Device>& context, std::span<const std::uint32_t> items,
                                   std::span<std::uint32_t> rows) {
  ask(context, items, rows);
  fetch(context);
}

template <class Device, class T>
void ShardedItems<Device, T>::sum_gradients(Context<Device>& context) {
  std::vector<Matrix<const float>> gradients;
  std::vector<Matrix<float>> sums;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    gradients.push_back(parameters_.gradient(*segments_[i]));
    sums.push_back(sums_[i].matrix());
  }
  exchange_->give(context, gradients, sums);
  for (const Segment* s : segments_)
    ops::fill_zero(context, std::span<float>(parameters_.gradient(*s).data,
                                             wanted().size() * static_cast<std::size_t>(s->cols)));
}

template <class Device, class T>
std::vector<std::span<float>> ShardedItems<Device, T>::sums() {
  std::vector<std::span<float>> sums;
  for (auto& table : sums_)
    sums.push_back(table.span().first(asked().size() * static_cast<std::size_t>(table.cols())));
  return sums;
}

template <class Device, class T>
std::vector<ops::AdamTable<T>> ShardedItems<Device, T>::tables() {
  std::vector<ops::AdamTable<T>> tables;
  for (std::size_t i = 0; i < segments_.size(); ++i)
    tables.push_back({parameters_.kept(ParameterSet::weights, *segments_[i]),
                      sums_[i].matrix(),
                      parameters_.kept(ParameterSet::first_moments, *segments_[i]),
                      parameters_.kept(ParameterSet::second_moments, *segments_[i]),
                      {},
                      true});
  return tables;
}

template <class Device, class T>
std::size_t ShardedItems<Device, T>::bytes() const {
  return exchange_->memory() + bytes_of<float, Device>(sums_);
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class ShardedItems<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
