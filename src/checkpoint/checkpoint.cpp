#include "neumf/checkpoint/checkpoint.hpp"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <sstream>

#include "neumf/checkpoint/files.hpp"
#include "neumf/checkpoint/reader.hpp"
#include "neumf/core/error.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/nn/instantiate.hpp"

namespace neumf {
namespace {

namespace files = checkpoint_files;

// The matrices of one group of a checkpoint, and where they go.
struct Group {
  const char* name;
  ParameterSet set;
  bool typical_if_new =
      false;  // rows that the file has not get what is usual in the table; otherwise they stay
};

bool has_new(std::span<const std::uint32_t> rows) {
  return std::find(rows.begin(), rows.end(), no_row) != rows.end();
}

// Puts the file's rows where they belong in a table on the device. Those without one become `for_new`, or
// stay where that is empty.
template <class Device, class Read>
void load_rows(Context<Device>& context, const Matrix<float>& table, std::span<const std::uint32_t> rows,
               std::span<const float> for_new, const Read& read) {
  std::vector<float> host(static_cast<std::size_t>(table.size()));
  if (has_new(rows) && for_new.empty())
    download(context, static_cast<const float*>(table.data), std::span<float>(host));
  for (std::size_t row = 0; row < rows.size() && !for_new.empty(); ++row)
    if (rows[row] == no_row)
      std::ranges::copy(for_new, host.begin() + static_cast<std::ptrdiff_t>(row * for_new.size()));
  read(std::span<float>(host));
  upload(context, std::span<const float>(host), table.data);
}

// What is usual in a table of squares: of each column the square of the mean root.
class TypicalRow {
 public:
  explicit TypicalRow(std::int64_t cols) : sums_(static_cast<std::size_t>(cols)) {}
  void add(std::span<const float> rows) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      sums_[i % sums_.size()] += std::sqrt(std::max(rows[i], 0.0f));
    count_ += rows.size() / sums_.size();
  }
  std::vector<float> row() const {
    std::vector<float> row;
    for (const double sum : sums_) {
      const double mean = sum / static_cast<double>(count_);
      row.push_back(static_cast<float>(mean * mean));
    }
    return row;
  }

 private:
  std::vector<double> sums_;
  std::size_t count_ = 0;
};

// Of a table that the checkpoint's parts hold, over all users.
std::vector<float> typical_user(CheckpointReader& reader, const Segment& table, const char* group) {
  constexpr std::uint64_t at_once = 16384;
  TypicalRow typical(table.cols);
  std::vector<float> rows;
  const auto users = static_cast<std::uint64_t>(reader.shape().users);
  for (std::uint64_t first = 0; first < users; first += at_once)
    reader.for_parts({first, std::min(first + at_once, users)}, [&](int part, const UserRange& range) {
      rows.resize(range.size() * static_cast<std::size_t>(table.cols));
      reader.read_rows(part, table, group, range, rows);
      typical.add(rows);
    });
  return typical.row();
}

// Reads the groups' weights; `rows` has a row for each of the tables'.
template <class Device, class T>
void load_groups(Context<Device>& context, CheckpointReader& reader, Parameters<Device, T>& parameters,
                 std::initializer_list<Group> groups, const WeightRows& rows) {
  const ParameterLayout& layout = parameters.layout();
  const auto users = static_cast<std::uint32_t>(reader.shape().users);
  for (const std::uint32_t row : rows.users)
    require(row < users || row == no_row, "{}: its parts hold {} users, fewer than the {} asked for",
            reader.path().string(), users, row + std::uint64_t{1});
  for (const Group& group : groups) {
    for (const Segment* segment : layout.layer_segments()) {
      const auto values = reader.read(*segment, group.name);
      upload(context, std::span<const float>(values), parameters.kept(group.set, *segment).data);
    }
    for (const Segment* segment : layout.item_segments()) {
      std::vector<float> for_new;
      if (group.typical_if_new && has_new(rows.items)) {
        Segment there = *segment;
        there.rows = reader.shape().items;
        TypicalRow typical(segment->cols);
        typical.add(reader.read(there, group.name));
        for_new = typical.row();
      }
      load_rows(
          context, parameters.kept(group.set, *segment), rows.items, for_new,
          [&](std::span<float> host) { reader.read_item_rows(*segment, group.name, rows.items, host); });
    }
    for (const Segment* segment : layout.user_segments()) {
      std::vector<float> for_new;
      if (group.typical_if_new && has_new(rows.users)) for_new = typical_user(reader, *segment, group.name);
      load_rows(context, parameters.kept(group.set, *segment), rows.users, for_new,
                [&](std::span<float> host) { reader.read_rows(*segment, group.name, rows.users, host); });
    }
  }
}

ops::StepState read_step_state(const hdf5::File& file) {
  ops::StepState state;
  state.step = file.int_attribute("adam_step");
  state.skipped = file.int_attribute("skipped");
  state.loss_scale = static_cast<float>(file.double_attribute("loss_scale"));
  state.good_steps = static_cast<std::int32_t>(file.int_attribute("good_steps"));
  require(state.step >= 0 && std::isfinite(state.loss_scale) && state.loss_scale > 0.0f,
          "{}: update {}, loss scale {}; the checkpoint is damaged", file.path().string(), state.step,
          state.loss_scale);
  return state;
}

bool is_run(const hdf5::File& master) {
  return master.has_attribute("update");
}

std::vector<EpochReport> read_history(const hdf5::File& file, int topk) {
  constexpr const char* object = "/history";
  constexpr std::size_t columns = 14;
  const auto dims = file.dims(object);
  require(dims.size() == 2 && dims[1] == columns, "{}: {} has not {} columns; the checkpoint is damaged",
          file.path().string(), object, columns);
  const auto values = file.read<double>(object);
  std::vector<EpochReport> history;
  for (std::size_t i = 0; i + columns <= values.size(); i += columns) {
    const double* v = &values[i];
    // From 0 where the run began with a pre-trained model.
    const int epoch = history.empty() ? (v[0] == 0 ? 0 : 1) : history.back().epoch + 1;
    history.push_back({epoch, v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], false, v[10]});
    if (!std::isnan(v[11])) history.back().full = Ranking{{{topk, v[11], v[12]}}, v[13]};
  }
  return history;
}

}  // namespace

CheckpointInfo read_checkpoint_info(const std::filesystem::path& master) {
  return read_checkpoint_info(files::open_master(master));
}

CheckpointInfo read_checkpoint_info(const hdf5::File& file) {
  const auto& master = file.path();
  CheckpointInfo info;
  info.shape.users = file.int_attribute("users");
  info.shape.items = file.int_attribute("items");
  info.shape.factors = file.int_attribute("factors");
  info.shape.layers.clear();
  std::istringstream layers(file.string_attribute("layers"));
  for (std::int64_t size = 0; layers >> size;) info.shape.layers.push_back(size);
  require(info.shape.users > 0 && info.shape.users <= UINT32_MAX && info.shape.items > 0 &&
              info.shape.items <= UINT32_MAX,
          "{}: {} users and {} items; the checkpoint is damaged", master.string(), info.shape.users,
          info.shape.items);
  try {
    info.shape.validate();
  } catch (const Error& error) {
    fail("{}: the checkpoint is damaged: {}", master.string(), error.what());
  }
  // The sizes decide how much memory is taken: the file must hold as much.
  const ParameterLayout weights(info.shape, 0);
  for (const Segment* segment : weights.shared_segments()) {
    const auto dims = file.dims(files::model_group + segment->name);
    require(dims.size() == 2 && dims[0] == static_cast<hsize_t>(segment->rows) &&
                dims[1] == static_cast<hsize_t>(segment->cols),
            "{}: {} is not a matrix of {} x {}; the checkpoint is damaged", master.string(),
            files::model_group + segment->name, segment->rows, segment->cols);
  }
  info.dataset_id = file.string_attribute("dataset_id");
  info.epoch = static_cast<int>(file.int_attribute("epoch"));
  info.hit_rate = file.double_attribute("hit_rate");
  info.ndcg = file.double_attribute("ndcg");
  info.topk = static_cast<int>(file.int_attribute("topk"));
  const auto ranking = [&](const std::string& prefix) -> std::optional<Ranking> {
    if (!file.has_attribute(prefix + "hit_rate")) return std::nullopt;
    return Ranking{
        {{info.topk, file.double_attribute(prefix + "hit_rate"), file.double_attribute(prefix + "ndcg")}},
        file.double_attribute(prefix + "mrr")};
  };
  info.full = ranking("full_");
  if (file.has_attribute("evaluated_on") &&
      file.string_attribute("evaluated_on") == name_of(HeldOutPart::validation))
    info.part = HeldOutPart::validation;
  info.test = ranking("test_");
  info.test_full = ranking("test_full_");
  info.options = file.string_attribute("options");
  return info;
}

template <class Device, class T>
void load_checkpoint(Context<Device>& context, const std::filesystem::path& master,
                     Parameters<Device, T>& parameters, const WeightRows& rows) {
  CheckpointReader reader(master);
  load_groups(context, reader, parameters, {{files::model_group, ParameterSet::weights}}, rows);
  parameters.refresh_copies(context);
}

template <class Device, class T>
std::optional<ops::StepState> load_optimizer(Context<Device>& context, const std::filesystem::path& master,
                                             Parameters<Device, T>& parameters, const WeightRows& rows) {
  CheckpointReader reader(master);
  if (!is_run(reader.master())) return std::nullopt;
  load_groups(context, reader, parameters,
              {{files::first_moment_group, ParameterSet::first_moments},
               {files::second_moment_group, ParameterSet::second_moments, true}},
              rows);
  return read_step_state(reader.master());
}

template <class Device, class T>
TrainingState load_training_state(Context<Device>& context, const std::filesystem::path& master,
                                  Parameters<Device, T>& parameters, const WeightRows& rows, int rank,
                                  int ranks) {
  CheckpointReader reader(master);
  const auto& file = reader.master();
  require(is_run(file),
          "{}: holds a model but not a run that could go on; use --load_checkpoint_path to start from it",
          master.string());
  load_groups(context, reader, parameters,
              {{files::model_group, ParameterSet::weights},
               {files::first_moment_group, ParameterSet::first_moments},
               {files::second_moment_group, ParameterSet::second_moments}},
              rows);
  parameters.refresh_copies(context);

  TrainingState state;
  const std::int64_t epoch = file.int_attribute("epoch"), update = file.int_attribute("update");
  state.seconds = file.double_attribute("seconds");
  state.device = read_step_state(file);
  state.history = read_history(file, static_cast<int>(file.int_attribute("topk")));
  require(epoch >= 0 && epoch < INT32_MAX && update >= 0 &&
              (state.history.empty() ? 0 : state.history.back().epoch) == epoch &&
              std::isfinite(state.seconds),
          "{}: epoch {}, update {}, {} s; the checkpoint is damaged", master.string(), epoch, update,
          state.seconds);
  state.epoch = static_cast<int>(epoch);
  state.update = static_cast<std::uint64_t>(update);
  const auto loss_of = [&](int part) { return reader.part(part).double_attribute("loss"); };
  if (reader.parts() == ranks)
    state.device.loss = loss_of(rank);
  else if (rank == 0)
    for (int part = 0; part < reader.parts(); ++part) state.device.loss += loss_of(part);
  return state;
}

#define NEUMF_INSTANTIATE(DEVICE, T)                                                              \
  template void load_checkpoint<DEVICE, T>(Context<DEVICE>&, const std::filesystem::path&,        \
                                           Parameters<DEVICE, T>&, const WeightRows&);            \
  template std::optional<ops::StepState> load_optimizer<DEVICE, T>(                               \
      Context<DEVICE>&, const std::filesystem::path&, Parameters<DEVICE, T>&, const WeightRows&); \
  template TrainingState load_training_state<DEVICE, T>(                                          \
      Context<DEVICE>&, const std::filesystem::path&, Parameters<DEVICE, T>&, const WeightRows&, int, int);
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
