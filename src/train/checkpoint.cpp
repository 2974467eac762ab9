#include "neumf/train/checkpoint.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "checkpoint_files.hpp"
#include "neumf/core/error.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/nn/instantiate.hpp"

namespace neumf {
namespace {

namespace files = checkpoint_files;

constexpr const char* model_group = "/model/";

// Reads rows [first, first + rows) of the segment's matrix in `group` into rows [row, ...) of its place in
// `values`.
template <class Device>
void read_matrix(Context<Device>& context, const hdf5::File& file, const std::string& group,
                 const Segment& segment, std::uint64_t first, std::int64_t rows, std::span<float> values,
                 std::int64_t row) {
  const std::string object = group + segment.name;
  const auto dims = file.dims(object);
  require(dims.size() == 2 && dims[1] == static_cast<hsize_t>(segment.cols) &&
              dims[0] >= first + static_cast<hsize_t>(rows),
          "{}: {} has not the shape that the model needs ({} columns); the checkpoint is damaged",
          file.path().string(), object, segment.cols);
  std::vector<float> host(static_cast<std::size_t>(rows * segment.cols));
  file.read_rows<float>(object, first, std::span<float>(host));
  require(std::all_of(host.begin(), host.end(), [](float value) { return std::isfinite(value); }),
          "{}: {} holds a value that is not a finite number; the checkpoint is damaged", file.path().string(),
          object);
  upload(context, std::span<const float>(host), values.data() + segment.offset + row * segment.cols);
}

hdf5::File open_master(const std::filesystem::path& master) {
  auto file = hdf5::File::open(master);
  require(file.has_attribute("kind") && file.string_attribute("kind") == files::kind,
          "{}: not a neumf checkpoint; name the .h5 file that --checkpoint_dir received, without '.part-'",
          master.string());
  const std::int64_t version = file.int_attribute("format_version");
  require(version == files::format_version,
          "{}: checkpoint format version {}, but this program reads version {}", master.string(), version,
          files::format_version);
  return file;
}

// Calls `work` with (part, parts, file) for every part of a checkpoint, in order of their users.
template <class Work>
void for_each_part(const hdf5::File& master_file, const std::filesystem::path& master, const Work& work) {
  const std::string generation = master_file.string_attribute("generation");
  const auto parts = master_file.int_attribute("parts");
  require(generation.find('/') == std::string::npos && parts >= 1 && parts <= 1000000,
          "{}: generation '{}' and {} parts; the checkpoint is damaged", master.string(), generation, parts);
  for (int part = 0; part < parts; ++part) {
    const auto path =
        files::part(master.parent_path(), master.stem().string(), generation, part, static_cast<int>(parts));
    const auto file = hdf5::File::open(path);
    require(file.string_attribute("generation") == generation, "{}: belongs to another checkpoint than {}",
            path.string(), master.string());
    work(part, static_cast<int>(parts), file);
  }
}

// Reads one group's shared matrices from the master, and the users' rows from the parts that have them.
template <class Device>
void read_tables(Context<Device>& context, const hdf5::File& master_file, const std::filesystem::path& master,
                 const std::string& group, const ParameterLayout& layout, std::span<float> values,
                 const UserRange& users, std::int64_t first_row) {
  for (const Segment* segment : layout.shared_segments())
    read_matrix(context, master_file, group, *segment, 0, segment->rows, values, 0);
  std::uint64_t next = 0;  // the first user of the next part
  for_each_part(master_file, master, [&](int /*part*/, int /*parts*/, const hdf5::File& file) {
    const std::int64_t begin = file.int_attribute("first_user"), count = file.int_attribute("users");
    require(begin >= 0 && static_cast<std::uint64_t>(begin) == next && count >= 0 && count <= UINT32_MAX,
            "{}: {} users from {} on, but the part before ends at {}; the checkpoint is damaged",
            file.path().string(), count, begin, next);
    next += static_cast<std::uint64_t>(count);
    const std::uint64_t first = std::max(static_cast<std::uint64_t>(begin), users.first);
    const std::uint64_t last = std::min(next, users.last);
    if (first >= last) return;
    for (const Segment* segment : layout.user_segments())
      read_matrix(context, file, group, *segment, first - static_cast<std::uint64_t>(begin),
                  static_cast<std::int64_t>(last - first), values,
                  first_row + static_cast<std::int64_t>(first - users.first));
  });
  require(next >= users.last,
          "{}: its parts hold {} users, fewer than the {} asked for; the checkpoint is damaged",
          master.string(), next, users.last);
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
  const auto file = open_master(master);
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
    const auto dims = file.dims(model_group + segment->name);
    require(dims.size() == 2 && dims[0] == static_cast<hsize_t>(segment->rows) &&
                dims[1] == static_cast<hsize_t>(segment->cols),
            "{}: {} is not a matrix of {} x {}; the checkpoint is damaged", master.string(),
            model_group + segment->name, segment->rows, segment->cols);
  }
  info.dataset_id = file.string_attribute("dataset_id");
  info.epoch = static_cast<int>(file.int_attribute("epoch"));
  info.hit_rate = file.double_attribute("hit_rate");
  info.ndcg = file.double_attribute("ndcg");
  info.topk = static_cast<int>(file.int_attribute("topk"));
  if (file.has_attribute("full_hit_rate"))
    info.full =
        Ranking{{{info.topk, file.double_attribute("full_hit_rate"), file.double_attribute("full_ndcg")}},
                file.double_attribute("full_mrr")};
  info.options = file.string_attribute("options");
  return info;
}

template <class Device, class T>
void load_checkpoint(Context<Device>& context, const std::filesystem::path& master,
                     Parameters<Device, T>& parameters, const UserRange& users, std::int64_t first_row) {
  const auto file = open_master(master);
  read_tables(context, file, master, model_group, parameters.layout(), parameters.weights(), users,
              first_row);
  parameters.refresh_copies(context);
}

template <class Device, class T>
TrainingState load_training_state(Context<Device>& context, const std::filesystem::path& master,
                                  Parameters<Device, T>& parameters, const UserRange& users,
                                  std::int64_t first_row, int rank, int ranks) {
  const auto file = open_master(master);
  require(file.has_attribute("update"),
          "{}: holds a model but not a run that could go on; use --load_checkpoint_path to start from it",
          master.string());
  const auto& layout = parameters.layout();
  read_tables(context, file, master, model_group, layout, parameters.weights(), users, first_row);
  read_tables(context, file, master, "/adam/first_moment/", layout, parameters.first_moments(), users,
              first_row);
  read_tables(context, file, master, "/adam/second_moment/", layout, parameters.second_moments(), users,
              first_row);
  parameters.refresh_copies(context);

  TrainingState state;
  const std::int64_t epoch = file.int_attribute("epoch"), update = file.int_attribute("update");
  state.seconds = file.double_attribute("seconds");
  state.device.step = file.int_attribute("adam_step");
  state.device.skipped = file.int_attribute("skipped");
  state.device.loss_scale = static_cast<float>(file.double_attribute("loss_scale"));
  state.device.good_steps = static_cast<std::int32_t>(file.int_attribute("good_steps"));
  state.history = read_history(file, static_cast<int>(file.int_attribute("topk")));
  require(epoch >= 0 && epoch < INT32_MAX && update >= 0 && state.device.step >= 0 &&
              (state.history.empty() ? 0 : state.history.back().epoch) == epoch &&
              std::isfinite(state.seconds) && std::isfinite(state.device.loss_scale) &&
              state.device.loss_scale > 0.0f,
          "{}: epoch {}, update {}, loss scale {}; the checkpoint is damaged", master.string(), epoch, update,
          state.device.loss_scale);
  state.epoch = static_cast<int>(epoch);
  state.update = static_cast<std::uint64_t>(update);
  for_each_part(file, master, [&](int part, int parts, const hdf5::File& part_file) {
    if (parts == ranks ? part == rank : rank == 0) state.device.loss += part_file.double_attribute("loss");
  });
  return state;
}

#define NEUMF_INSTANTIATE(DEVICE, T)                                                                    \
  template void load_checkpoint<DEVICE, T>(Context<DEVICE>&, const std::filesystem::path&,              \
                                           Parameters<DEVICE, T>&, const UserRange&, std::int64_t);     \
  template TrainingState load_training_state<DEVICE, T>(Context<DEVICE>&, const std::filesystem::path&, \
                                                        Parameters<DEVICE, T>&, const UserRange&,       \
                                                        std::int64_t, int, int);
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
