#include "neumf/train/checkpoint.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <vector>

#include "neumf/core/error.hpp"
#include "neumf/core/version.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/data/layout.hpp"
#include "neumf/nn/instantiate.hpp"

namespace neumf {
namespace {

constexpr std::int64_t format_version = 1;
constexpr const char* kind = "neumf-checkpoint";

std::string part_file(const std::string& name, const std::string& generation, int part, int parts) {
  return fmt::format("{}.{}.part-{:04}-of-{:04}.h5", name, generation, part, parts);
}

std::string object(const Segment& segment) {
  return "/model/" + segment.name;
}

// Files of `name` in the directory that the published master does not refer to: parts of older checkpoints,
// and what a run that was killed left.
void remove_stale(const std::filesystem::path& directory, const std::string& name,
                  const std::string& generation) {
  const std::string master = fmt::format("{}.h5", name), prefix = fmt::format("{}.", name);
  const std::string current = fmt::format("{}.{}.part-", name, generation);
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    const std::string file = entry.path().filename().string();
    const bool ours = file.starts_with(prefix) && file != master &&
                      (file.find(".part-") != std::string::npos || file.ends_with(".tmp"));
    if (ours && !file.starts_with(current)) std::filesystem::remove(entry.path(), ignored);
  }
}

template <class Device>
void write_matrix(Context<Device>& context, hdf5::File& file, const Segment& segment, Matrix<float> weight,
                  std::int64_t first_row, std::int64_t rows) {
  std::vector<float> host(static_cast<std::size_t>(rows * segment.cols));
  download(context, static_cast<const float*>(weight.row(first_row)), std::span<float>(host));
  file.write<float>(object(segment), host, {static_cast<hsize_t>(rows), static_cast<hsize_t>(segment.cols)});
}

// Reads rows [first, first + rows) of the object into rows [row, ...) of the weight.
template <class Device>
void read_matrix(Context<Device>& context, const hdf5::File& file, const Segment& segment,
                 std::uint64_t first, std::int64_t rows, Matrix<float> weight, std::int64_t row) {
  const auto dims = file.dims(object(segment));
  require(dims.size() == 2 && dims[1] == static_cast<hsize_t>(segment.cols) &&
              dims[0] >= first + static_cast<hsize_t>(rows),
          "{}: {} has not the shape that the model needs ({} columns); the checkpoint is damaged",
          file.path().string(), object(segment), segment.cols);
  std::vector<float> host(static_cast<std::size_t>(rows * segment.cols));
  file.read_rows<float>(object(segment), first, std::span<float>(host));
  upload(context, std::span<const float>(host), weight.row(row));
}

hdf5::File open_master(const std::filesystem::path& master) {
  auto file = hdf5::File::open(master);
  require(file.has_attribute("kind") && file.string_attribute("kind") == kind,
          "{}: not a neumf checkpoint; name the .h5 file that --checkpoint_dir received, without '.part-'",
          master.string());
  const std::int64_t version = file.int_attribute("format_version");
  require(version == format_version, "{}: checkpoint format version {}, but this program reads version {}",
          master.string(), version, format_version);
  return file;
}

}  // namespace

template <class Device, class T>
void save_checkpoint(Context<Device>& context, const Communicator& communicator,
                     const std::filesystem::path& directory, const std::string& name,
                     const CheckpointInfo& info, const Dataset& dataset, Parameters<Device, T>& parameters,
                     const UserRange& users, std::int64_t first_row) {
  // Parts of one save carry one name, so that parts of two saves never mix.
  const std::string generation = communicator.broadcast(fmt::format(
      "e{:04}-{:x}", info.epoch,
      std::chrono::system_clock::now().time_since_epoch().count() ^ (std::int64_t{getpid()} << 40)));
  const auto part = directory / part_file(name, generation, communicator.rank(), communicator.size());
  const auto part_tmp = part.string() + ".tmp";
  const auto& layout = parameters.layout();

  communicator.together([&] {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) fail("{}: cannot create the checkpoint directory: {}", directory.string(), error.message());
    auto file = hdf5::File::create(part_tmp);
    file.set_attribute("generation", generation);
    file.set_attribute("first_user", static_cast<std::int64_t>(users.first));
    file.set_attribute("users", static_cast<std::int64_t>(users.size()));
    for (const Segment* segment : {&layout.user_gmf, &layout.user_mlp})
      write_matrix(context, file, *segment, parameters.weight(*segment), first_row,
                   static_cast<std::int64_t>(users.size()));
    file.close();
    hdf5::publish(part_tmp, part);
  });
  communicator.together([&] {
    if (!communicator.is_root()) return;
    const auto master = directory / (name + ".h5");
    const auto master_tmp = master.string() + ".tmp";
    auto file = hdf5::File::create(master_tmp);
    file.set_attribute("kind", std::string(kind));
    file.set_attribute("format_version", format_version);
    file.set_attribute("created_by", fmt::format("neumf {}", version()));
    file.set_attribute("generation", generation);
    file.set_attribute("parts", std::int64_t{communicator.size()});
    file.set_attribute("users", info.shape.users);
    file.set_attribute("items", info.shape.items);
    file.set_attribute("factors", info.shape.factors);
    file.set_attribute("layers", fmt::format("{}", fmt::join(info.shape.layers, " ")));
    file.set_attribute("dataset_id", info.dataset_id);
    file.set_attribute("epoch", std::int64_t{info.epoch});
    file.set_attribute("hit_rate", info.hit_rate);
    file.set_attribute("ndcg", info.ndcg);
    file.set_attribute("topk", std::int64_t{info.topk});
    file.set_attribute("options", info.options);
    for (const Segment* segment : layout.shared_segments())
      write_matrix(context, file, *segment, parameters.weight(*segment), 0, segment->rows);
    file.write_strings(layout::user_ids, dataset.user_ids());
    file.write_strings(layout::item_ids, dataset.item_ids());
    file.close();
    hdf5::publish(master_tmp, master);
    remove_stale(directory, name, generation);
  });
}

CheckpointInfo read_checkpoint_info(const std::filesystem::path& master) {
  const auto file = open_master(master);
  CheckpointInfo info;
  info.shape.users = file.int_attribute("users");
  info.shape.items = file.int_attribute("items");
  info.shape.factors = file.int_attribute("factors");
  info.shape.layers.clear();
  std::istringstream layers(file.string_attribute("layers"));
  for (std::int64_t size = 0; layers >> size;) info.shape.layers.push_back(size);
  require(info.shape.users > 0 && info.shape.items > 0,
          "{}: {} users and {} items; the checkpoint is damaged", master.string(), info.shape.users,
          info.shape.items);
  try {
    info.shape.validate();
  } catch (const Error& error) {
    fail("{}: the checkpoint is damaged: {}", master.string(), error.what());
  }
  info.dataset_id = file.string_attribute("dataset_id");
  info.epoch = static_cast<int>(file.int_attribute("epoch"));
  info.hit_rate = file.double_attribute("hit_rate");
  info.ndcg = file.double_attribute("ndcg");
  info.topk = static_cast<int>(file.int_attribute("topk"));
  info.options = file.string_attribute("options");
  return info;
}

template <class Device, class T>
void load_checkpoint(Context<Device>& context, const std::filesystem::path& master,
                     Parameters<Device, T>& parameters, const UserRange& users, std::int64_t first_row) {
  const auto file = open_master(master);
  const auto& layout = parameters.layout();
  for (const Segment* segment : layout.shared_segments())
    read_matrix(context, file, *segment, 0, segment->rows, parameters.weight(*segment), 0);

  const std::string generation = file.string_attribute("generation");
  const auto parts = file.int_attribute("parts");
  require(generation.find('/') == std::string::npos && parts >= 1 && parts <= 1000000,
          "{}: generation '{}' and {} parts; the checkpoint is damaged", master.string(), generation, parts);
  std::uint64_t found = 0;
  for (int part = 0; part < parts; ++part) {
    const auto path =
        master.parent_path() / part_file(master.stem().string(), generation, part, static_cast<int>(parts));
    const auto part_hdf5 = hdf5::File::open(path);
    require(part_hdf5.string_attribute("generation") == generation,
            "{}: belongs to another checkpoint than {}", path.string(), master.string());
    const auto begin = static_cast<std::uint64_t>(part_hdf5.int_attribute("first_user"));
    const auto end = begin + static_cast<std::uint64_t>(part_hdf5.int_attribute("users"));
    const std::uint64_t first = std::max(begin, users.first), last = std::min(end, users.last);
    if (first >= last) continue;
    for (const Segment* segment : {&layout.user_gmf, &layout.user_mlp})
      read_matrix(context, part_hdf5, *segment, first - begin, static_cast<std::int64_t>(last - first),
                  parameters.weight(*segment), first_row + static_cast<std::int64_t>(first - users.first));
    found += last - first;
  }
  require(found == users.size(), "{}: its parts hold {} of the {} users asked for; the checkpoint is damaged",
          master.string(), found, users.size());
  parameters.refresh_copies(context);
}

#define NEUMF_INSTANTIATE(DEVICE, T)                                                                  \
  template void save_checkpoint<DEVICE, T>(                                                           \
      Context<DEVICE>&, const Communicator&, const std::filesystem::path&, const std::string&,        \
      const CheckpointInfo&, const Dataset&, Parameters<DEVICE, T>&, const UserRange&, std::int64_t); \
  template void load_checkpoint<DEVICE, T>(Context<DEVICE>&, const std::filesystem::path&,            \
                                           Parameters<DEVICE, T>&, const UserRange&, std::int64_t);
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
