#include "neumf/train/least_squares_trainer.hpp"

#include <algorithm>
#include <span>
#include <type_traits>

#include "neumf/comm/placement.hpp"
#include "neumf/core/error.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/train/schedule.hpp"

namespace neumf {
namespace {

// A table on the host: the parameters' own memory on a CPU, otherwise a copy.
template <class Device>
class HostTable {
 public:
  HostTable(Context<Device>& context, Matrix<float> table) : context_(context), table_(table) {
    if constexpr (!std::is_same_v<Device, Cpu>) {
      copy_ = Tensor<float, Cpu>(table.rows, table.cols);
      download(context, static_cast<const float*>(table.data), copy_.span());
    }
  }
  // Of the first rows.
  Matrix<float> rows(std::int64_t count) {
    if constexpr (std::is_same_v<Device, Cpu>) return table_.slice(0, count);
    return copy_.matrix().slice(0, count);
  }
  Matrix<float> all() { return rows(table_.rows); }
  // Takes what has become of them to the device.
  void store() {
    if constexpr (!std::is_same_v<Device, Cpu>)
      upload(context_, std::span<const float>(copy_.span()), table_.data);
  }

 private:
  Context<Device>& context_;
  Matrix<float> table_;
  Tensor<float, Cpu> copy_;
};

}  // namespace

template <class Device, class T>
LeastSquaresTrainer<Device, T>::LeastSquaresTrainer(Context<Device>& context,
                                                    const Communicator& communicator,
                                                    Parameters<Device, T>& parameters,
                                                    const ModelShape& shape, const Shard& shard,
                                                    const LeastSquaresTrainerSpec& spec, Heartbeat* heartbeat)
    : context_(context),
      communicator_(communicator),
      parameters_(parameters),
      shard_(shard),
      spec_(spec),
      heartbeat_(heartbeat),
      profiler_(context, spec.profile),
      transposed_(shard, static_cast<std::uint32_t>(shape.items)) {
  require(!shape.has_mlp(), "--loss ials is of users' and items' vectors alone: use --model gmf");
  // Every rank has its memory, or all fail here: those that could not allocate it are in the caller's
  // together().
  communicator.together([] {});
  positives_ = communicator.sum(std::uint64_t{shard.items.size()});
  require_positives(positives_);
  if constexpr (!std::is_same_v<Device, Cpu>)
    beside_gpu_.emplace(spec.threads > 0 ? spec.threads : threads_for_rank(communicator));
  take_final_layer();
}

template <class Device, class T>
Context<Cpu>& LeastSquaresTrainer<Device, T>::host() {
  if constexpr (std::is_same_v<Device, Cpu>)
    return context_;
  else
    return *beside_gpu_;
}

// p . (w * q) + b becomes p . q: the bias ranks nothing.
template <class Device, class T>
void LeastSquaresTrainer<Device, T>::take_final_layer() {
  const auto& layout = parameters_.layout();
  HostTable<Device> head(context_, parameters_.weight(layout.head_gmf)),
      bias(context_, parameters_.weight(layout.head_bias)),
      items(context_, parameters_.weight(layout.item_gmf));
  const Matrix<float> weights = head.all(), vectors = items.all();
  for (std::int64_t i = 0; i < vectors.rows; ++i)
    for (std::int64_t k = 0; k < vectors.cols; ++k) vectors.row(i)[k] *= weights.data[k];
  std::fill_n(weights.data, weights.size(), 1.0f);
  bias.all().data[0] = 0.0f;
  for (auto* table : {&head, &bias, &items}) table->store();
  parameters_.refresh_copies(context_);
}

template <class Device, class T>
double LeastSquaresTrainer<Device, T>::move_users() {
  const auto& layout = parameters_.layout();
  HostTable<Device> users(context_, parameters_.weight(layout.user_gmf)),
      items(context_, parameters_.weight(layout.item_gmf));
  const double loss = move_rows(host(), spec_.rows, items.all(), {shard_.offsets, shard_.items},
                                users.rows(static_cast<std::int64_t>(shard_.users.size())));
  users.store();
  return loss;
}

template <class Device, class T>
double LeastSquaresTrainer<Device, T>::move_items() {
  const auto& layout = parameters_.layout();
  HostTable<Device> users(context_, parameters_.weight(layout.user_gmf)),
      items(context_, parameters_.weight(layout.item_gmf));
  std::uint64_t bytes = 0;
  RankSums sums;
  if (communicator_.size() > 1)
    sums = {[&](std::span<float> values) {
              bytes += values.size_bytes();
              communicator_.allreduce_sum(values);
            },
            communicator_.rank(), communicator_.size()};
  const double loss =
      move_rows(host(), spec_.rows, users.rows(static_cast<std::int64_t>(shard_.users.size())),
                {transposed_.offsets, transposed_.users}, items.all(), sums);
  bytes_per_update_ = bytes / updates_per_epoch();
  items.store();
  return loss;
}

template <class Device, class T>
std::optional<double> LeastSquaresTrainer<Device, T>::train_epoch(std::uint32_t epoch, std::uint64_t first,
                                                                  const AfterUpdate& after_update,
                                                                  const GiveUp& /*give_up*/) {
  require(first <= updates_per_epoch(), "update {} of an epoch of {} updates", first, updates_per_epoch());
  state_.epoch = epoch;
  if (first == 0) state_.loss = 0;
  bool stopped = false;
  for (std::uint64_t number = first; number < updates_per_epoch() && !stopped; ++number) {
    if (heartbeat_ != nullptr) {
      heartbeat_->at(epoch + 1, number + 1);
      heartbeat_->enter(Phase::optimizer);
    }
    // The loss is that before the last side moves.
    profiler_.measure(Phase::optimizer, [&] {
      if (number == 0 && !spec_.freeze.users) state_.loss = move_users();
      if (number == 1 && !spec_.freeze.items) state_.loss = move_items();
      parameters_.refresh_copies(context_);
    });
    stopped = after_update && !after_update(number + 1, updates_per_epoch());
  }
  if (stopped) return std::nullopt;
  return communicator_.sum(state_.loss) / static_cast<double>(positives_);
}

template <class Device, class T>
std::string LeastSquaresTrainer<Device, T>::exchange() const {
  return communicator_.size() > 1 ? "MPI" : "none (one rank)";
}

template <class Device, class T>
std::size_t LeastSquaresTrainer<Device, T>::bytes() const {
  return transposed_.offsets.size() * sizeof(std::uint64_t) +
         transposed_.users.size() * sizeof(std::uint32_t);
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class LeastSquaresTrainer<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
