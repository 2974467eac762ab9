// Hostile HDF5 files: a small data set, a checkpoint and Keras weights, of which one file is changed as the
// input says, either its bytes or, through the HDF5 library, its attributes, data sets and links. Reading
// them gives values in range or a message; anything else (a crash, another exception, much memory) is a
// failure.
#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <string>
#include <vector>

#include "dataset_files.hpp"
#include "neumf/checkpoint/checkpoint.hpp"
#include "neumf/checkpoint/keras_weights.hpp"
#include "neumf/core/error.hpp"
#include "neumf/data/dataset.hpp"
#include "toy_data.hpp"

// A file of some kilobytes must not make its reader take much memory. AddressSanitizer has its own operator
// new; there, libFuzzer's -malloc_limit_mb does the same. Where GCC inlines one of these and not the other,
// it warns of a mismatch.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NEUMF_OWN_NEW 0
#endif
#endif
#if !defined(NEUMF_OWN_NEW) && !defined(__SANITIZE_ADDRESS__)
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (size > (std::size_t{64} << 20)) throw std::bad_alloc();
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}
#endif

namespace neumf {
namespace {

constexpr std::uint32_t users = 7, items = 5;
const ModelShape shape{users, items, 2, {4, 3, 2}};
constexpr std::array files{"dataset.h5", "shard-0000-of-0002.h5",       "shard-0001-of-0002.h5",
                           "best.h5",    "best.g.part-0000-of-0001.h5", "keras.h5"};

void write_checkpoint(const std::filesystem::path& directory) {
  const ParameterLayout layout(shape, users);
  auto part = hdf5::File::create(directory / files[4]);
  part.set_attribute("generation", std::string("g"));
  part.set_attribute("first_user", std::int64_t{0});
  part.set_attribute("users", std::int64_t{users});
  part.set_attribute("loss", 0.5);
  auto master = hdf5::File::create(directory / files[3]);
  const auto write = [](hdf5::File& file, const Segment& s) {
    const std::vector<float> values(static_cast<std::size_t>(s.size()), 0.25f);
    for (const char* group : {"/model/", "/adam/first_moment/", "/adam/second_moment/"})
      file.write<float>(group + s.name, values, {static_cast<hsize_t>(s.rows), static_cast<hsize_t>(s.cols)});
  };
  for (const Segment* s : {&layout.user_gmf, &layout.user_mlp}) write(part, *s);
  for (const Segment* s : layout.shared_segments()) write(master, *s);
  master.set_attribute("kind", std::string("neumf-checkpoint"));
  master.set_attribute("generation", std::string("g"));
  master.set_attribute("layers", std::string("4 3 2"));
  master.set_attribute("dataset_id", std::string("toy"));
  master.set_attribute("options", std::string("epochs = 3\n"));
  for (const auto& [name, value] : std::vector<std::pair<const char*, std::int64_t>>{{"format_version", 1},
                                                                                     {"parts", 1},
                                                                                     {"users", users},
                                                                                     {"items", items},
                                                                                     {"factors", 2},
                                                                                     {"epoch", 1},
                                                                                     {"topk", 10},
                                                                                     {"update", 2},
                                                                                     {"adam_step", 9},
                                                                                     {"skipped", 0},
                                                                                     {"good_steps", 9}})
    master.set_attribute(name, value);
  for (const char* name : {"hit_rate", "ndcg", "loss_scale", "seconds"}) master.set_attribute(name, 1.0);
  master.write<double>("/history", std::vector<double>(14, 1.0), {1, 14});
  part.close();
  master.close();
}

// An MLP model.
void write_keras(const std::filesystem::path& directory) {
  auto file = hdf5::File::create(directory / files[5]);
  for (const auto& [name, dims] :
       std::vector<std::pair<const char*, hdf5::Dims>>{{"/user_embedding/user_embedding_W", {users, 2}},
                                                       {"/item_embedding/item_embedding_W", {items, 2}},
                                                       {"/layer1/layer1_W", {4, 3}},
                                                       {"/layer1/layer1_b", {3}},
                                                       {"/layer2/layer2_W", {3, 2}},
                                                       {"/layer2/layer2_b", {2}},
                                                       {"/prediction/prediction_W", {2, 1}},
                                                       {"/prediction/prediction_b", {1}}}) {
    const hsize_t size = dims[0] * (dims.size() == 2 ? dims[1] : 1);
    file.write<float>(name, std::vector<float>(size, 0.25f), dims);
  }
  file.close();
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The files as they should be, and the folder that they are read from.
struct Bench {
  std::filesystem::path directory;
  std::array<std::string, files.size()> contents;

  Bench() {
    const bool shared_memory = std::filesystem::is_directory("/dev/shm");
    std::string name = std::string(shared_memory ? "/dev/shm" : "/tmp") + "/neumf-fuzz-XXXXXX";
    directory = mkdtemp(name.data());
    test::write_dataset(directory, test::toy_data(users, items, 2, 3), items, 2);
    write_checkpoint(directory);
    write_keras(directory);
    for (std::size_t i = 0; i < files.size(); ++i) contents[i] = bytes_of(directory / files[i]);
  }
  ~Bench() { std::filesystem::remove_all(directory); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void put(std::size_t file, const std::string& bytes) const {
    std::ofstream(directory / files[file], std::ios::binary | std::ios::trunc) << bytes;
  }
};

// The input as a sequence of choices; zeros after its end.
class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool done() const { return at_ >= size_; }
  std::uint8_t byte() { return done() ? std::uint8_t{0} : data_[at_++]; }
  std::size_t below(std::size_t limit) { return byte() % limit; }
  std::uint64_t word() {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return value;
  }
  // Often one of the numbers that hurt.
  std::int64_t number() {
    constexpr std::int64_t awkward[] = {0,
                                        1,
                                        2,
                                        3,
                                        5,
                                        7,
                                        -1,
                                        255,
                                        256,
                                        65537,
                                        INT32_MAX,
                                        UINT32_MAX,
                                        INT64_MAX,
                                        INT64_MIN,
                                        std::int64_t{1} << 40,
                                        std::int64_t{1} << 47};
    const std::uint8_t choice = byte();
    return choice < 240 ? awkward[choice % std::size(awkward)] : static_cast<std::int64_t>(word());
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_, at_ = 0;
};

constexpr std::array attributes{"format_version", "dataset_id", "users",      "items",      "positives",
                                "valid_negative", "shards",     "kind",       "generation", "parts",
                                "factors",        "layers",     "epoch",      "topk",       "update",
                                "adam_step",      "skipped",    "good_steps", "hit_rate",   "loss_scale",
                                "seconds",        "first_user", "loss",       "options",    "source"};
constexpr std::array datasets{"/train/counts",
                              "/train/items",
                              "/test/items",
                              "/test/negatives",
                              "/shards/first_user",
                              "/ids/users",
                              "/ids/items",
                              "/model/item_gmf",
                              "/model/item_mlp",
                              "/model/head_bias",
                              "/model/hidden1_weight",
                              "/model/user_gmf",
                              "/adam/first_moment/user_mlp",
                              "/adam/second_moment/item_gmf",
                              "/history",
                              "/user_embedding/user_embedding_W",
                              "/item_embedding/item_embedding_W",
                              "/layer1/layer1_W",
                              "/layer2/layer2_b",
                              "/prediction/prediction_W"};

hid_t some_type(Script& script) {
  const hid_t types[] = {H5T_STD_U8LE, H5T_STD_I64BE,  H5T_STD_U32LE,
                         H5T_STD_I8LE, H5T_IEEE_F32LE, H5T_IEEE_F64BE};
  return types[script.below(6)];
}

void change_attribute(hid_t file, Script& script) {
  const char* name = attributes[script.below(attributes.size())];
  H5Adelete(file, name);
  hsize_t length = 1;
  hid_t type = H5I_INVALID_HID, space = H5I_INVALID_HID;
  std::vector<std::int64_t> values(64);
  switch (script.below(4)) {
    case 0:
      return;
    case 1:
      type = H5Tcopy(H5T_STD_I64LE);
      space = H5Screate(H5S_SCALAR);
      values[0] = script.number();
      break;
    case 2:
      type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, 1 + script.below(200));
      space = H5Screate(H5S_SCALAR);
      for (auto& value : values) value = static_cast<std::int64_t>(script.word());
      break;
    default:
      type = H5Tcopy(some_type(script));
      length = script.below(40);
      space = H5Screate_simple(1, &length, nullptr);
      values[0] = script.number();
  }
  const hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, values.data());
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

void change_dataset(hid_t file, Script& script) {
  const char* name = datasets[script.below(datasets.size())];
  const std::size_t what = script.below(8);
  if (what == 0) {  // one element
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0) return;
    const hid_t space = H5Dget_space(dataset);
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    const hid_t type = H5Dget_type(dataset);
    const hid_t properties = H5Dget_create_plist(dataset);
    // HDF5 itself follows a virtual data set whose source is itself without end.
    const bool small = count >= 0 && count < 1000 && H5Pget_layout(properties) != H5D_VIRTUAL;
    H5Pclose(properties);
    std::vector<char> buffer((small ? static_cast<std::size_t>(count) * H5Tget_size(type) : 0) + 8);
    if (small) {
      H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer.data());
      const std::int64_t value = script.number();
      std::memcpy(buffer.data() + script.byte() % (buffer.size() - 7), &value, sizeof(value));
      H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer.data());
    }
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(dataset);
    return;
  }
  H5Ldelete(file, name, H5P_DEFAULT);
  if (what == 1) return;
  if (what == 2) {
    H5Lcreate_soft(datasets[script.below(datasets.size())], file, name, H5P_DEFAULT, H5P_DEFAULT);
    return;
  }
  if (what == 3) {
    H5Lcreate_external(files[script.below(files.size())], datasets[script.below(datasets.size())], file, name,
                       H5P_DEFAULT, H5P_DEFAULT);
    return;
  }
  // Another shape, type or place.
  hsize_t dims[2] = {static_cast<hsize_t>(script.number()) & ((hsize_t{1} << 50) - 1), 1 + script.below(8)};
  if (script.below(2) == 0) dims[0] = script.below(12);
  const int rank = 1 + static_cast<int>(script.below(2));
  const hid_t space = H5Screate_simple(rank, dims, nullptr);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  const hid_t type = some_type(script);
  if (what == 4) H5Pset_external(properties, "/etc/hostname", 0, H5F_UNLIMITED);
  if (what == 5) {
    const hsize_t chunk[2] = {4, 1};
    H5Pset_chunk(properties, rank, chunk);
    if (script.below(2) == 0) H5Pset_deflate(properties, 1);
  }
  if (what == 6) H5Pset_virtual(properties, space, files[script.below(files.size())], "/train/items", space);
  const hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (dataset >= 0 && what != 4 && what != 6 && count > 0 && count < 1000) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(count));
    for (auto& value : values) value = script.number();
    H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  }
  if (dataset >= 0) H5Dclose(dataset);
  H5Pclose(properties);
  H5Sclose(space);
}

void change(const Bench& bench, std::size_t target, Script& script) {
  if (script.below(4) == 0) {
    std::string bytes = bench.contents[target];
    while (!script.done() && !bytes.empty()) {
      const std::size_t at = (script.byte() * std::size_t{256} + script.byte()) % bytes.size();
      const std::uint8_t value = script.byte();
      if (value == 0)
        bytes.resize(at);
      else
        bytes[at] = static_cast<char>(bytes[at] ^ value);
    }
    bench.put(target, bytes);
    return;
  }
  const hid_t file = H5Fopen((bench.directory / files[target]).c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  if (file < 0) return;
  for (int i = 0; i < 4 && !script.done(); ++i) {
    if (script.below(2) == 0)
      change_attribute(file, script);
    else
      change_dataset(file, script);
  }
  H5Fclose(file);
}

void must(bool holds) {
  if (!holds) std::abort();
}

void read_dataset(const std::filesystem::path& directory) {
  const Dataset dataset = Dataset::open(directory);
  const Shard shard = dataset.load({0, dataset.users()});
  must(shard.offsets.size() == dataset.users() + 1 && shard.offsets.back() == shard.items.size());
  must(std::is_sorted(shard.offsets.begin(), shard.offsets.end()));
  for (const auto* ids : {&shard.items, &shard.test.items, &shard.test.negatives})
    must(std::all_of(ids->begin(), ids->end(), [&](std::uint32_t item) { return item < dataset.items(); }));
  must(dataset.user_ids().size() == dataset.users());
  must(dataset.item_ids().size() == dataset.items());
}

void read_checkpoint(const std::filesystem::path& directory) {
  const auto master = directory / files[3];
  const CheckpointInfo info = read_checkpoint_info(master);
  // As the program does: the data set decides how many users and items there are.
  if (info.shape.users != users || info.shape.items != items) return;
  Context<Cpu> context(1);
  Parameters<Cpu, float> parameters(context, info.shape, users);
  const TrainingState state =
      load_training_state(context, master, parameters, WeightRows::in_order({0, users}, items), 0, 1);
  for (const float weight : parameters.weights()) must(std::isfinite(weight));
  must(state.epoch >= 0 && (state.history.empty() ? 0 : state.history.back().epoch) == state.epoch);
}

void read_keras(const std::filesystem::path& directory) {
  const auto path = directory / files[5];
  const ModelShape keras = read_keras_shape(path);
  if (keras.users != users || keras.items != items) return;
  Context<Cpu> context(1);
  Parameters<Cpu, float> parameters(context, keras, users);
  load_keras_weights(context, path, parameters, {0, users}, 0);
  for (const float weight : parameters.weights()) must(std::isfinite(weight));
}

}  // namespace
}  // namespace neumf

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace neumf;
  static const Bench bench;
  static const herr_t silent = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  static_cast<void>(silent);
  Script script(data, size);
  const std::size_t target = script.below(files.size());
  change(bench, target, script);
  for (const auto& read : {read_dataset, read_checkpoint, read_keras}) {
    try {
      read(bench.directory);
    } catch (const Error&) {
      // A message for the user.
    }
  }
  bench.put(target, bench.contents[target]);
  return 0;
}
