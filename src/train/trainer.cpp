#include "neumf/train/trainer.hpp"

#include <algorithm>
#include <numeric>
#include <type_traits>
#include <vector>

#include "item_counts.hpp"
#include "neumf/core/error.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/embedding.hpp"
#include "neumf/ops/sample.hpp"

namespace neumf {
namespace {

// The largest block: a micro-batch, or less where the device prefers to work in smaller pieces, which are
// then of one size; they may be a quarter larger than it prefers, so that no few groups are left over.
std::int64_t block_groups(std::uint64_t most_groups, int grads_accumulated, std::int64_t block_samples,
                          std::int64_t group_size) {
  const auto micro_batch =
      static_cast<std::int64_t>((most_groups + static_cast<std::uint64_t>(grads_accumulated) - 1) /
                                static_cast<std::uint64_t>(grads_accumulated));
  const std::int64_t most = std::max<std::int64_t>(block_samples / group_size, 1);
  const std::int64_t blocks = std::max<std::int64_t>((4 * micro_batch + 5 * most - 1) / (5 * most), 1);
  return std::max<std::int64_t>((micro_batch + blocks - 1) / blocks, 1);
}

// Samples of all ranks in an update, at most.
std::uint64_t most_samples(const EpochSchedule& schedule, std::uint64_t group_size) {
  std::uint64_t groups = 0;
  for (int rank = 0; rank < schedule.ranks(); ++rank) groups += schedule.most_groups(rank);
  return groups * group_size;
}

bool compares_with_catalogue(const TrainerSpec& spec) {
  return spec.loss == Loss::full_softmax;
}

// Rows of the item tables that an update reads, at most.
std::uint64_t item_reads(const TrainerSpec& spec, const EpochSchedule& schedule, const ModelShape& shape) {
  const auto catalogue =
      static_cast<std::uint64_t>(shape.items) * static_cast<std::uint64_t>(schedule.ranks());
  return compares_with_catalogue(spec) ? catalogue + 1 : most_samples(schedule, spec.sampler.group_size());
}

template <class Device>
std::int64_t block_samples(const Context<Device>& context, const TrainerSpec& spec, const ModelShape& shape) {
  return compares_with_catalogue(spec) ? catalogue_block_users(shape.items) : context.block_samples();
}

// What an update reads of the embedding tables, as far as the rows that others have not read can wait.
template <class Device>
UpdateReach update_reach(const TrainerSpec& spec, const EpochSchedule& schedule,
                         const Communicator& communicator, const RowReducer<Device>& item_rows,
                         const ModelShape& shape) {
  if (!spec.defer_row_updates) return {};
  UpdateReach reach;
  if (communicator.size() == 1 || !spec.users_replicated)
    reach.users = schedule.most_groups(communicator.rank());
  if (communicator.size() == 1 || item_rows.in_use()) reach.items = item_reads(spec, schedule, shape);
  return reach;
}

// Items that are shared out have their own exchange.
template <class Device>
std::unique_ptr<RowReducer<Device>> item_row_reducer(const Communicator& communicator,
                                                     const TrainerSpec& spec, const EpochSchedule& schedule,
                                                     const ModelShape& shape, bool shared_out) {
  if (shared_out) return std::make_unique<RowReducer<Device>>();
  return make_row_reducer<Device>(communicator, shape.items, item_reads(spec, schedule, shape));
}

}  // namespace

EpochSchedule schedule_of(const TrainerSpec& spec, const Shard& shard, const Communicator& communicator) {
  const std::uint64_t groups =
      compares_with_catalogue(spec) ? shard.users.size() : spec.sampler.groups(shard.items.size());
  return {communicator.allgather(groups),
          static_cast<std::uint64_t>(spec.batch_size) / spec.sampler.group_size()};
}

template <class Device, class T>
Trainer<Device, T>::Trainer(Context<Device>& context, const Communicator& communicator,
                            Parameters<Device, T>& parameters, const ModelShape& shape, const Shard& shard,
                            const TrainerSpec& spec, Heartbeat* heartbeat, ShardedItems<Device, T>* items)
    : context_(context),
      communicator_(communicator),
      parameters_(parameters),
      spec_(spec),
      heartbeat_(heartbeat),
      shared_items_(items),
      profiler_(context, spec.profile),
      schedule_(schedule_of(spec, shard, communicator)),
      model_(parameters, shape,
             block_groups(schedule_.most_groups(communicator.rank()), spec.grads_accumulated,
                          block_samples(context, spec, shape), spec.sampler.group_size()),
             static_cast<std::int32_t>(spec.sampler.group_size()), true),
      users_(static_cast<std::int64_t>(shard.items.size())),
      items_(static_cast<std::int64_t>(shard.items.size())),
      offsets_(static_cast<std::int64_t>(shard.offsets.size())),
      batch_(items == nullptr ? model_.max_groups()
                              : static_cast<std::int64_t>(schedule_.most_groups(communicator.rank())),
             static_cast<std::int32_t>(spec.sampler.group_size())),
      loss_weights_(static_cast<std::int64_t>(schedule_.steps() + 1)),
      state_(1),
      item_rows_(item_row_reducer<Device>(communicator, spec, schedule_, shape, items != nullptr)),
      weight_update_(parameters, spec.optimizer,
                     update_reach(spec, schedule_, communicator, *item_rows_, shape), spec.freeze, items),
      replay_(!spec.profile) {
  // Every rank has its memory, or all fail here: those that could not allocate it are in the caller's
  // together().
  communicator.together([&] {
    require((items != nullptr) == parameters.item_share().has_value(),
            "the trainer has not the items of its parameters");
    if (items == nullptr) return;
    require(!compares_with_catalogue(spec),
            "--loss full_softmax reads all items: use --item_embeddings replicated");
    const std::uint64_t reads = schedule_.most_groups(communicator.rank()) * spec.sampler.group_size();
    require(static_cast<std::int64_t>(std::min(reads, static_cast<std::uint64_t>(shape.items))) <=
                parameters.item_share()->read_rows,
            "an update reads up to {} items, but there is room for the rows of {}", reads,
            parameters.item_share()->read_rows);
  });
  reducer_ = make_gradient_reducer(context, communicator);
  std::vector<std::uint32_t> users;
  users.reserve(shard.items.size());
  for (std::uint32_t user = 0; user < shard.users.size(); ++user)
    users.insert(users.end(), shard.offsets[user + 1] - shard.offsets[user], user);
  upload(context, std::span<const std::uint32_t>(users), users_.data());
  upload(context, std::span<const std::uint32_t>(shard.items), items_.data());
  upload(context, std::span<const std::uint64_t>(shard.offsets), offsets_.data());
  std::vector<float> weights(
      static_cast<std::size_t>(loss_weights_.size()));  // the last belongs to no update
  for (std::uint64_t number = 0; number < schedule_.steps(); ++number) weights[number] = loss_weight(number);
  upload(context, std::span<const float>(weights), loss_weights_.data());
  set_ = {users_.data(), items_.data(), offsets_.data(), shard.items.size(), shard.first_positive};
  if (spec.negatives == Negatives::popularity) draw_by_popularity(shard);
  if (items != nullptr && !log_q_.empty())
    read_log_q_ = Tensor<float, Device>(parameters.item_share()->read_rows);
  model_.set_objective({spec.loss, spec.embedding_l2, items != nullptr ? read_log_q_.data() : log_q_.data()});
  if (compares_with_catalogue(spec)) compare_with_catalogue(shape, shard);
  spec_.sampler.user_row_offset = spec.users_replicated ? static_cast<std::uint32_t>(shard.users.first) : 0;

  ops::StepState initial;
  initial.loss_scale = spec.loss_scale;
  restore(initial);
}

// A sample is the only one of its group and has no item: what samples a set of positives samples users too.
template <class Device, class T>
void Trainer<Device, T>::compare_with_catalogue(const ModelShape& shape, const Shard& shard) {
  require(spec_.sampler.group_size() == 1 && spec_.sampler.per_positive() == 1,
          "full_softmax has no negatives: a sample is a user");
  const auto count = static_cast<std::uint32_t>(shard.users.size());
  communicator_.together([&] {
    catalogue_ = std::make_unique<CatalogueSoftmax<Device, T>>(context_, shape, model_.max_groups());
    own_users_ = Tensor<std::uint32_t, Device>(count);
  });
  const std::uint64_t positives = communicator_.sum(std::uint64_t{shard.items.size()});
  require_positives(positives);  // the schedule has counted users
  std::vector<std::uint32_t> users(count);
  std::iota(users.begin(), users.end(), 0u);
  upload(context_, std::span<const std::uint32_t>(users), own_users_.data());
  positives_per_user_ =
      static_cast<double>(positives) / static_cast<double>(communicator_.sum(std::uint64_t{count}));
  positives_ = set_;
  set_ = {own_users_.data(), own_users_.data(), offsets_.data(), count, shard.users.first};
}

template <class Device, class T>
void Trainer<Device, T>::draw_by_popularity(const Shard& shard) {
  const auto counts = count_items(shard, spec_.sampler.item_count, communicator_);
  const ItemDistribution distribution = popularity_distribution(counts, spec_.popularity_power);
  slots_ = Tensor<AliasSlot, Device>(static_cast<std::int64_t>(counts.size()));
  log_q_ = Tensor<float, Device>(static_cast<std::int64_t>(counts.size()));
  upload(context_, std::span<const AliasSlot>(distribution.slots), slots_.data());
  upload(context_, std::span<const float>(distribution.log_probability), log_q_.data());
  set_.slots = slots_.data();
}

template <class Device, class T>
std::optional<double> Trainer<Device, T>::train_epoch(std::uint32_t epoch, std::uint64_t first,
                                                      const AfterUpdate& after_update,
                                                      const GiveUp& give_up) {
  require(first <= schedule_.steps(), "update {} of an epoch of {} updates", first, schedule_.steps());
  ops::StepState start = state();
  start.epoch = epoch;
  start.learning_rate = spec_.learning_rate;
  start.position = schedule_.first(first, communicator_.rank());
  start.update = first;
  start.loss_factor = first < schedule_.steps() ? loss_weight(first) * start.loss_scale : 0.0f;
  if (first == 0) start.loss = 0;
  restore(start);

  Dropout dropout = Dropout::at_rate(spec_.dropout, spec_.sampler.seed, epoch, 0);
  dropout.epoch_at = &state_.data()->epoch;
  bool stopped = false;
  for (std::uint64_t number = first; number < schedule_.steps() && !stopped; ++number) {
    pace_.step(context_);
    if (heartbeat_ != nullptr) heartbeat_->at(epoch + 1, number + 1);
    const std::uint64_t groups = schedule_.groups(number, communicator_.rank());
    replay_.run(context_, groups, [&] { stopped = !step(groups, dropout, give_up); });
    if (!stopped) stopped = after_update && !after_update(number + 1, schedule_.steps());
  }
  in_phase(Phase::optimizer, [&] { complete_updates(); });
  if (stopped) return std::nullopt;
  double loss = 0;
  in_phase(Phase::allreduce, [&] { loss = communicator_.sum(state().loss); });
  const std::uint64_t terms = samples() / (spec_.loss == Loss::bce ? 1 : spec_.sampler.group_size());
  return loss / (static_cast<double>(terms) * positives_per_user_);
}

template <class Device, class T>
float Trainer<Device, T>::loss_weight(std::uint64_t number) const {
  return 1.0f /
         (static_cast<float>(schedule_.groups(number)) * static_cast<float>(spec_.sampler.group_size()));
}

template <class Device, class T>
template <class Work>
void Trainer<Device, T>::in_phase(Phase phase, const Work& work) {
  if (heartbeat_ != nullptr) heartbeat_->enter(phase);
  profiler_.measure(phase, work);
}

template <class Device, class T>
bool Trainer<Device, T>::step(std::uint64_t own_groups, const Dropout& dropout, const GiveUp& give_up) {
  const auto group_size = static_cast<std::int32_t>(spec_.sampler.group_size());
  const auto groups = static_cast<std::int64_t>(own_groups);
  ops::StepState* state = state_.data();
  // Steps that are replayed do not come here, and exchange as much as the one that was recorded.
  const std::uint64_t bytes_before = exchanged_bytes();
  // A GPU has a whole update in its queue before anybody could ask.
  const bool asks = std::is_same_v<Device, Cpu> && give_up != nullptr &&
                    spec_.batch_size / communicator_.size() >= spec_.long_update;
  const ops::StepState before = asks ? this->state() : ops::StepState();
  bool gives_up = false;

  if (shared_items_ != nullptr) read_items(groups);
  in_phase(Phase::forward, [&] { model_.begin_step(context_, groups * group_size); });
  for (std::int64_t first = 0; first < groups; first += model_.max_groups()) {
    if (asks && (gives_up = give_up())) break;
    const std::int64_t count = std::min(model_.max_groups(), groups - first);
    const BatchView block = shared_items_ != nullptr ? batch_.view(groups, group_size).part(first, count)
                                                     : batch_.view(count, group_size);
    if (shared_items_ == nullptr)
      in_phase(Phase::sample, [&] {
        ops::sample_batch(context_, set_, spec_.sampler, state, static_cast<std::uint64_t>(first), count,
                          batch_);
      });
    if (catalogue_ != nullptr) {
      if (weight_update_.defers())
        in_phase(Phase::optimizer, [&] { weight_update_.prepare(context_, block); });
      in_phase(Phase::forward, [&] {
        catalogue_->run(context_, parameters_, positives_, spec_.sampler.user_row_offset, block,
                        {positives_per_user_, spec_.embedding_l2}, state);
      });
      continue;
    }
    if (sums_item_rows())
      item_rows_->touch(context_, {block.items, static_cast<std::size_t>(block.samples())});
    if (weight_update_.defers()) in_phase(Phase::optimizer, [&] { weight_update_.prepare(context_, block); });
    if (model_.in_one_piece()) {
      in_phase(Phase::forward, [&] { model_.run_in_one_piece(context_, block, dropout, state); });
      continue;
    }
    in_phase(Phase::forward, [&] { model_.forward(context_, block, dropout, state); });
    // The last block completes the gradients of one bucket after the other.
    const bool last = first + count == groups;
    const auto bucket_ready = [&](std::size_t bucket) { start_bucket(bucket); };
    in_phase(Phase::backward, [&] {
      if (last && reducer_->asynchronous())
        model_.backward(context_, block, dropout, bucket_ready);
      else
        model_.backward(context_, block, dropout);
    });
  }
  in_phase(Phase::backward, [&] { model_.finish_step(context_); });
  in_phase(Phase::allreduce, [&] {
    if (asks) gives_up = communicator_.max<std::int32_t>(gives_up) != 0;
    exchange_gradients();
  });
  if (gives_up) {
    take_back(before);
    return false;
  }
  bytes_per_update_ = exchanged_bytes() - bytes_before;
  in_phase(Phase::optimizer, [&] {
    ops::prepare_update(context_, spec_.adam, spec_.loss_scaling, static_cast<std::uint64_t>(groups), state);
    weight_update_.run(context_, spec_.adam, state);
  });
  return true;
}

template <class Device, class T>
void Trainer<Device, T>::read_items(std::int64_t groups) {
  in_phase(Phase::sample, [&] {
    if (groups > 0) ops::sample_batch(context_, set_, spec_.sampler, state_.data(), 0, groups, batch_);
  });
  const auto samples = static_cast<std::size_t>(groups) * spec_.sampler.group_size();
  const auto items = batch_.items.span().first(samples);
  in_phase(Phase::allreduce, [&] { shared_items_->ask(context_, items, items); });
  in_phase(Phase::optimizer, [&] { weight_update_.prepare_items(context_, shared_items_->asked()); });
  in_phase(Phase::allreduce, [&] {
    shared_items_->fetch(context_);
    if (read_log_q_.empty()) return;
    const auto wanted = shared_items_->wanted();
    ops::gather_rows(context_, Matrix<const float>(log_q_.matrix()), wanted.data(),
                     read_log_q_.matrix().slice(0, static_cast<std::int64_t>(wanted.size())));
  });
}

// Of an update whose weights have not moved.
template <class Device, class T>
void Trainer<Device, T>::take_back(const ops::StepState& before) {
  ops::StepState skipped = before;
  skipped.skip = 1;  // as after an overflow: what waits for the update's gradients forgets them
  restore(skipped);
  weight_update_.run(context_, spec_.adam, state_.data());
  restore(before);
}

template <class Device, class T>
void Trainer<Device, T>::start_bucket(std::size_t bucket) {
  const auto gradients =
      item_rows_->in_use() ? parameters_.layer_gradients(bucket) : parameters_.bucket_gradients(bucket);
  if (!gradients.empty()) start_reduction(gradients);  // a model may have nothing in a bucket
  buckets_started_ = bucket + 1;
}

template <class Device, class T>
void Trainer<Device, T>::start_reduction(std::span<float> gradients) {
  replay_.outside(context_, [this, gradients] { reducer_->start(context_, gradients); });
}

template <class Device, class T>
void Trainer<Device, T>::exchange_gradients() {
  ops::StepState* state = state_.data();
  const bool watch_overflow = spec_.loss_scaling.dynamic;
  // Gradients that are not reduced can overflow on one rank alone: a slot among the reduced ones tells the
  // others.
  if (watch_overflow && !spec_.users_replicated) {
    ops::check_finite(context_, std::span<const float>(parameters_.user_gradients()), state,
                      parameters_.gradient(parameters_.layout().overflow_slot).data);
  }
  if (shared_items_ != nullptr && needs_item_sums()) sum_shared_items();
  while (buckets_started_ < ParameterLayout::buckets) start_bucket(buckets_started_);
  buckets_started_ = 0;
  if (spec_.users_replicated) start_reduction(parameters_.user_gradients());
  replay_.outside(context_, [this] { reducer_->finish(context_); });
  if (sums_item_rows()) {
    const auto& layout = parameters_.layout();
    const Matrix<float> tables[] = {parameters_.gradient(layout.item_gmf),
                                    parameters_.gradient(layout.item_mlp)};
    const auto rows = item_rows_->sum(context_, tables);
    weight_update_.prepare_items(context_, rows);
  }
  if (watch_overflow) {
    auto reduced = spec_.users_replicated
                       ? parameters_.gradients()
                       : parameters_.gradients().first(static_cast<std::size_t>(parameters_.layout().shared));
    ops::check_finite(context_, std::span<const float>(reduced), state, nullptr);
  }
}

// Before the slot that tells of an overflow is reduced: only the owners of rows see their sums.
template <class Device, class T>
void Trainer<Device, T>::sum_shared_items() {
  shared_items_->sum_gradients(context_);
  if (!spec_.loss_scaling.dynamic) return;
  for (const std::span<const float> sums : shared_items_->sums())
    ops::check_finite(context_, sums, state_.data(),
                      parameters_.gradient(parameters_.layout().overflow_slot).data);
}

template <class Device, class T>
std::uint64_t Trainer<Device, T>::samples(std::uint64_t first) const {
  std::uint64_t groups = 0;
  for (std::uint64_t step = first; step < schedule_.steps(); ++step) groups += schedule_.groups(step);
  return groups * spec_.sampler.group_size();
}

template <class Device, class T>
std::string Trainer<Device, T>::exchange() const {
  return reducer_->name() + (item_rows_->in_use() ? ", of items the rows that an update touches" : "");
}

template <class Device, class T>
ops::StepState Trainer<Device, T>::state() const {
  ops::StepState state;
  download(context_, state_.data(), std::span<ops::StepState>(&state, 1));
  return state;
}

template <class Device, class T>
void Trainer<Device, T>::restore(const ops::StepState& saved) {
  ops::StepState state = saved;
  state.loss_weights = loss_weights_.data();
  upload(context_, std::span<const ops::StepState>(&state, 1), state_.data());
}

template <class Device, class T>
std::size_t Trainer<Device, T>::bytes() const {
  return model_.bytes() + weight_update_.bytes() + users_.bytes() + items_.bytes() + offsets_.bytes() +
         slots_.bytes() + log_q_.bytes() + read_log_q_.bytes() + loss_weights_.bytes() + batch_.bytes() +
         own_users_.bytes() + (catalogue_ != nullptr ? catalogue_->bytes() : 0);
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class Trainer<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
