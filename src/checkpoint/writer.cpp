#include "neumf/checkpoint/writer.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <limits>
#include <optional>
#include <utility>

#include "neumf/checkpoint/files.hpp"
#include "neumf/comm/row_exchange.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/stopwatch.hpp"
#include "neumf/core/version.hpp"
#include "neumf/data/durable_file.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/data/layout.hpp"
#include "neumf/nn/instantiate.hpp"

namespace neumf {
namespace {

namespace files = checkpoint_files;

// A matrix in host memory, and its name in the file.
struct Table {
  std::string object;
  std::int64_t rows = 0, cols = 0;
  std::vector<float> values;
};

void write_tables(hdf5::File& file, const std::vector<Table>& tables) {
  for (const auto& table : tables)
    file.write<float>(table.object, table.values,
                      {static_cast<hsize_t>(table.rows), static_cast<hsize_t>(table.cols)});
}

// What could not be read again must not take the place of what can.
void require_finite(const std::string& object, std::span<const float> values) {
  const auto finite = [](float value) { return std::isfinite(value); };
  require(std::all_of(values.begin(), values.end(), finite),
          "training diverged: {} holds a value that is not a finite number, so the model is not saved. Lower "
          "--learning_rate, or raise --eps",
          object);
}

// What a checkpoint has of each weight: of a model the first, of a run all.
constexpr std::pair<const char*, ParameterSet> saved_sets[] = {
    {files::model_group, ParameterSet::weights},
    {files::first_moment_group, ParameterSet::first_moments},
    {files::second_moment_group, ParameterSet::second_moments}};

std::span<const std::pair<const char*, ParameterSet>> sets_to_save(bool moments) {
  return std::span(saved_sets).first(moments ? std::size(saved_sets) : 1);
}

void write_history(hdf5::File& file, const std::vector<EpochReport>& history) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> rows;
  for (const auto& r : history) {
    rows.insert(rows.end(),
                {static_cast<double>(r.epoch), r.train_loss, r.validation_loss, r.hit_rate, r.ndcg,
                 r.train_seconds, r.evaluation_seconds, r.train_throughput, r.evaluation_throughput,
                 r.seconds_since_start, r.learning_rate, r.full ? r.full->at.front().hit_rate : none,
                 r.full ? r.full->at.front().ndcg : none, r.full ? r.full->mrr : none});
  }
  file.write<double>("/history", rows, {history.size(), 14});
}

}  // namespace

template <class Device, class T>
struct CheckpointWriter<Device, T>::Snapshot {
  std::string name, generation;
  CheckpointInfo info;
  bool is_run = false;
  TrainingState state;  // of a saved run
  std::vector<Table> own, shared;
  std::optional<hdf5::File> master;  // where item tables that are shared out are written already
};

template <class Device, class T>
CheckpointWriter<Device, T>::CheckpointWriter(Context<Device>& context, const Communicator& communicator,
                                              const CheckpointDirectory& directory, const Dataset& dataset,
                                              Parameters<Device, T>& parameters, const UserRange& users,
                                              std::int64_t first_row, int keep_last)
    : context_(context),
      communicator_(communicator),
      outcomes_(communicator),
      directory_(directory.path()),
      parameters_(parameters),
      users_(users),
      first_row_(first_row),
      keep_last_(keep_last),
      snapshot_(std::make_unique<Snapshot>()) {
  const auto needed = communicator_.sum(bytes_per_save(true) + bytes_per_save(false));
  communicator_.together([&] {
    if (!communicator_.is_root()) return;
    directory.require_space(needed);
    run_number_ = files::newest_run(directory_);
    // Now, because the data set's files may be gone by the time of a save.
    user_ids_ = dataset.user_ids();
    item_ids_ = dataset.item_ids();
  });
}

template <class Device, class T>
CheckpointWriter<Device, T>::~CheckpointWriter() {
  // An outcome on its way is left alone: after an error the other ranks may be gone.
  if (writing_.valid()) writing_.wait();
}

template <class Device, class T>
std::int64_t CheckpointWriter<Device, T>::bytes_per_save(bool moments) const {
  const auto& layout = parameters_.layout();
  std::int64_t elements =
      static_cast<std::int64_t>(users_.size()) * (layout.user_gmf.cols + layout.user_mlp.cols);
  if (communicator_.is_root()) elements += layout.shared;
  if (const auto& share = parameters_.item_share())
    elements += share->size() * (layout.item_gmf.cols + layout.item_mlp.cols);
  return elements * static_cast<std::int64_t>(sizeof(float)) * (moments ? 3 : 1);
}

template <class Device, class T>
void CheckpointWriter<Device, T>::save_best(const CheckpointInfo& info) {
  save(info, nullptr);
}

template <class Device, class T>
void CheckpointWriter<Device, T>::save_run(const CheckpointInfo& info, const TrainingState& state) {
  save(info, &state);
}

template <class Device, class T>
void CheckpointWriter<Device, T>::save(const CheckpointInfo& info, const TrainingState* state) {
  const Stopwatch time;
  finish();
  Snapshot& snapshot = *snapshot_;
  // Parts of one save carry one name, so that parts of two saves never mix.
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  snapshot.generation = communicator_.broadcast(
      fmt::format("{:x}", static_cast<std::uint64_t>(now) ^ (static_cast<std::uint64_t>(getpid()) << 40)));
  // Rank 0 knows the run number.
  snapshot.name = communicator_.broadcast(state == nullptr ? files::best : files::run_name(run_number_ + 1));
  snapshot.info = info;
  snapshot.is_run = state != nullptr;
  if (state != nullptr) snapshot.state = *state;
  communicator_.together([&] {
    take_snapshot(state != nullptr);
    for (const auto* tables : {&snapshot.own, &snapshot.shared})
      for (const Table& table : *tables) require_finite(table.object, table.values);
  });
  if (parameters_.item_share()) write_items(state != nullptr);
  writing_ = std::async(std::launch::async, [this] { write_files(); });
  ++saves_;
  seconds_waited_ += time.seconds();
}

template <class Device, class T>
void CheckpointWriter<Device, T>::take_snapshot(bool moments) {
  const auto& layout = parameters_.layout();
  const auto copy = [&](std::vector<Table>& tables, const std::vector<const Segment*>& segments,
                        std::int64_t first_row, std::int64_t rows) {
    std::size_t used = 0;
    for (const auto& [group, set] : sets_to_save(moments)) {
      for (const Segment* segment : segments) {
        if (used == tables.size()) tables.emplace_back();
        Table& table = tables[used++];
        table.object = group + segment->name;
        table.rows = rows < 0 ? segment->rows : rows;
        table.cols = segment->cols;
        table.values.resize(static_cast<std::size_t>(table.rows * table.cols));
        download(context_, static_cast<const float*>(parameters_.kept(set, *segment).row(first_row)),
                 std::span<float>(table.values));
      }
    }
    tables.resize(used);
  };
  copy(snapshot_->own, layout.user_segments(), first_row_, static_cast<std::int64_t>(users_.size()));
  if (communicator_.is_root())
    copy(snapshot_->shared, parameters_.item_share() ? layout.layer_segments() : layout.shared_segments(), 0,
         -1);
}

// Item tables that are shared out go through rank 0 into the master file, a piece at a time, while training
// waits: no rank need have the memory for a copy of them. What fails on a rank is told at the end, when
// nobody waits for a message any more.
template <class Device, class T>
void CheckpointWriter<Device, T>::write_items(bool moments) {
  constexpr std::int64_t rows_at_once = 65536;
  auto& master = snapshot_->master;
  master.reset();
  std::exception_ptr failure;
  const auto attempt = [&](const auto& work) {
    if (failure) return;
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  };
  const bool root = communicator_.is_root();
  const std::int64_t items = snapshot_->info.shape.items;
  if (root)
    attempt(
        [&] { master = hdf5::File::create(files::temporary(files::master(directory_, snapshot_->name))); });
  std::vector<float> piece;
  for (const auto& [group, set] : sets_to_save(moments))
    for (const Segment* segment : parameters_.layout().item_segments()) {
      const std::string object = group + segment->name;
      if (root)
        attempt([&] {
          master->create_dataset(object, {static_cast<hsize_t>(items), static_cast<hsize_t>(segment->cols)},
                                 hdf5::memory_type<float>());
        });
      for (int rank = 0; rank < communicator_.size(); ++rank) {
        const bool own = rank == communicator_.rank();
        if (!own && !root) continue;
        const RowShare share = row_share(items, rank, communicator_.size());
        for (std::int64_t first = share.first; first < share.last; first += rows_at_once) {
          const std::int64_t count = std::min(rows_at_once, share.last - first);
          piece.resize(static_cast<std::size_t>(count * segment->cols));
          if (own) {
            const float* rows = parameters_.kept(set, *segment).row(first - share.first);
            download(context_, rows, std::span<float>(piece));
            attempt([&] { require_finite(object, piece); });
            if (!root) communicator_.send(std::as_bytes(std::span(piece)), 0);
          } else {
            communicator_.receive(std::as_writable_bytes(std::span(piece)), rank);
          }
          if (root)
            attempt([&] {
              master->write_rows(object, static_cast<hsize_t>(first), static_cast<hsize_t>(count),
                                 std::span<const float>(piece));
            });
        }
      }
    }
  if (failure) master.reset();
  communicator_.together([&] {
    if (failure) std::rethrow_exception(failure);
  });
}

// Runs in a thread of its own: no MPI, and nothing of this object that other members change meanwhile.
template <class Device, class T>
void CheckpointWriter<Device, T>::write_files() const {
  Snapshot& s = *snapshot_;
  const auto part = files::part(directory_, s.name, s.generation, communicator_.rank(), communicator_.size());
  auto file = hdf5::File::create(files::temporary(part));
  file.set_attribute("generation", s.generation);
  file.set_attribute("first_user", static_cast<std::int64_t>(users_.first));
  file.set_attribute("users", static_cast<std::int64_t>(users_.size()));
  if (s.is_run) file.set_attribute("loss", s.state.device.loss);
  write_tables(file, s.own);
  file.close();
  neumf::publish(files::temporary(part), part);

  if (!communicator_.is_root()) return;
  const auto master = files::temporary(files::master(directory_, s.name));
  file = s.master ? std::move(*s.master) : hdf5::File::create(master);
  s.master.reset();
  file.set_attribute("kind", std::string(files::kind));
  file.set_attribute("format_version", files::format_version);
  file.set_attribute("created_by", fmt::format("neumf {}", version()));
  file.set_attribute("generation", s.generation);
  file.set_attribute("parts", std::int64_t{communicator_.size()});
  file.set_attribute("users", s.info.shape.users);
  file.set_attribute("items", s.info.shape.items);
  file.set_attribute("model", std::string(name_of(s.info.shape.kind())));
  file.set_attribute("factors", s.info.shape.factors);
  file.set_attribute("layers", fmt::format("{}", fmt::join(s.info.shape.layers, " ")));
  file.set_attribute("dataset_id", s.info.dataset_id);
  file.set_attribute("epoch", std::int64_t{s.info.epoch});
  file.set_attribute("hit_rate", s.info.hit_rate);
  file.set_attribute("ndcg", s.info.ndcg);
  file.set_attribute("topk", std::int64_t{s.info.topk});
  const auto write_ranking = [&](const std::string& prefix, const std::optional<Ranking>& ranking) {
    if (!ranking) return;
    file.set_attribute(prefix + "hit_rate", ranking->at.front().hit_rate);
    file.set_attribute(prefix + "ndcg", ranking->at.front().ndcg);
    file.set_attribute(prefix + "mrr", ranking->mrr);
  };
  write_ranking("full_", s.info.full);
  if (s.info.part == HeldOutPart::validation)
    file.set_attribute("evaluated_on", std::string(name_of(s.info.part)));
  write_ranking("test_", s.info.test);
  write_ranking("test_full_", s.info.test_full);
  file.set_attribute("options", s.info.options);
  if (s.is_run) {
    file.set_attribute("update", static_cast<std::int64_t>(s.state.update));
    file.set_attribute("adam_step", s.state.device.step);
    file.set_attribute("skipped", s.state.device.skipped);
    file.set_attribute("loss_scale", static_cast<double>(s.state.device.loss_scale));
    file.set_attribute("good_steps", std::int64_t{s.state.device.good_steps});
    file.set_attribute("seconds", s.state.seconds);
    write_history(file, s.state.history);
  }
  write_tables(file, s.shared);
  file.write_strings(layout::user_ids, user_ids_);
  file.write_strings(layout::item_ids, item_ids_);
  if (!s.info.item_counts.empty()) file.write(files::item_counts, s.info.item_counts);
  file.close();
  sync_to_disk(master);
}

template <class Device, class T>
void CheckpointWriter<Device, T>::poll() {
  if (writing_.valid()) {
    if (writing_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return;
    join_writing();
  }
  if (outcomes_.arrived()) publish();
}

// Takes the thread's outcome and tells the other ranks, without waiting for them.
template <class Device, class T>
void CheckpointWriter<Device, T>::join_writing() {
  try {
    writing_.get();
  } catch (const std::exception& error) {
    failure_ = error.what();
  }
  outcomes_.begin(failure_.empty() ? 0 : 1);
}

// Ends the exchange of outcomes, and makes a checkpoint of the files if every rank has written its own.
template <class Device, class T>
void CheckpointWriter<Device, T>::publish() {
  const bool failed = outcomes_.end() != 0;
  if (!communicator_.is_root() || failed) return;
  const Snapshot& s = *snapshot_;
  try {
    const auto master = files::master(directory_, s.name);
    neumf::publish(files::temporary(master), master);
    if (s.is_run) {
      ++run_number_;
      newest_run_ =
          fmt::format("{}, after {}epoch {}", master.string(),
                      s.state.update > 0 ? fmt::format("update {} of ", s.state.update) : std::string(),
                      s.state.epoch + (s.state.update > 0 ? 1 : 0));
      files::remove_old_runs(directory_, keep_last_);
    } else {
      files::remove_other_generations(directory_, s.name, s.generation);
    }
  } catch (const std::exception& error) {
    failure_ = error.what();
  }
}

template <class Device, class T>
void CheckpointWriter<Device, T>::check() {
  communicator_.together([&] { require(failure_.empty(), "{}", failure_); });
}

template <class Device, class T>
void CheckpointWriter<Device, T>::finish() {
  if (writing_.valid()) join_writing();
  if (outcomes_.begun()) publish();
  check();
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class CheckpointWriter<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
