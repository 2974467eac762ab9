#include "neumf/checkpoint/reader.hpp"

#include "neumf/checkpoint/files.hpp"
#include "neumf/core/error.hpp"
#include "neumf/data/layout.hpp"
#include "neumf/data/row_ranges.hpp"

namespace neumf {

namespace files = checkpoint_files;

namespace {

constexpr const char* not_finite = ": the training diverged, or the checkpoint is damaged";

// Row i of `out` becomes row ids[i] of a table of `cols` columns, in any order; where that is no_row it
// stays. Calls read(range, rows) for ranges that cover the ids.
template <class Read>
void read_in_ranges(std::span<const std::uint32_t> ids, std::size_t cols, std::span<float> out,
                    const Read& read) {
  // Places by id, so that each range of the file serves the ids in it.
  std::vector<std::uint32_t> places, wanted;
  for (std::uint32_t place = 0; place < ids.size(); ++place)
    if (ids[place] != no_row) {
      places.push_back(place);
      wanted.push_back(ids[place]);
    }
  std::stable_sort(places.begin(), places.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return ids[a] < ids[b]; });
  std::vector<float> block;
  auto place = places.begin();
  for (const UserRange& range : covering_ranges(wanted, 256, 65536)) {
    block.resize(range.size() * cols);
    read(range, std::span(block));
    for (; place != places.end() && ids[*place] < range.last; ++place)
      std::copy_n(block.begin() + static_cast<std::ptrdiff_t>((ids[*place] - range.first) * cols), cols,
                  out.begin() + static_cast<std::ptrdiff_t>(*place * cols));
  }
}

// Returns the `values` of an object, of which there must be one for each of `count` users or items.
template <class T>
std::vector<T> one_each(const hdf5::File& file, const char* object, std::vector<T> values, const char* what,
                        std::int64_t count, const char* whose) {
  require(values.size() == static_cast<std::size_t>(count),
          "{}: {} holds {} {} for {} {}; the checkpoint is damaged", file.path().string(), object,
          values.size(), what, count, whose);
  return values;
}

}  // namespace

CheckpointReader::CheckpointReader(const std::filesystem::path& master)
    : file_(files::open_master(master)),
      info_(read_checkpoint_info(file_)),
      generation_(file_.string_attribute("generation")) {
  const std::int64_t parts = file_.int_attribute("parts");
  require(generation_.find('/') == std::string::npos && parts >= 1 && parts <= 1000000,
          "{}: generation '{}' and {} parts; the checkpoint is damaged", master.string(), generation_, parts);
  first_user_.assign(static_cast<std::size_t>(parts) + 1, 0);
  for (int i = 0; i < parts; ++i) {
    const auto& file = part(i);
    const std::uint64_t expected = first_user_[static_cast<std::size_t>(i)];
    const std::int64_t begin = file.int_attribute("first_user"), count = file.int_attribute("users");
    require(begin >= 0 && static_cast<std::uint64_t>(begin) == expected && count >= 0 && count <= UINT32_MAX,
            "{}: {} users from {} on, but the part before ends at {}; the checkpoint is damaged",
            file.path().string(), count, begin, expected);
    first_user_[static_cast<std::size_t>(i) + 1] = expected + static_cast<std::uint64_t>(count);
  }
  require(first_user_.back() == static_cast<std::uint64_t>(shape().users),
          "{}: its parts hold {} of {} users; the checkpoint is damaged", master.string(), first_user_.back(),
          shape().users);
}

std::filesystem::path CheckpointReader::part_path(int part) const {
  return files::part(path().parent_path(), path().stem().string(), generation_, part, parts());
}

const hdf5::File& CheckpointReader::part(int number) {
  if (open_number_ != number) {
    auto file = hdf5::File::open(part_path(number));
    require(file.string_attribute("generation") == generation_, "{}: belongs to another checkpoint than {}",
            file.path().string(), path().string());
    open_part_ = std::move(file);
    open_number_ = number;
  }
  return *open_part_;
}

std::vector<std::string> CheckpointReader::user_ids() const {
  return one_each(file_, layout::user_ids, file_.read_strings(layout::user_ids), "ids", shape().users,
                  "users");
}

std::vector<std::string> CheckpointReader::item_ids() const {
  return one_each(file_, layout::item_ids, file_.read_strings(layout::item_ids), "ids", shape().items,
                  "items");
}

std::vector<std::uint64_t> CheckpointReader::item_counts() const {
  if (!file_.exists(files::item_counts)) return {};
  return one_each(file_, files::item_counts, file_.read<std::uint64_t>(files::item_counts), "counts",
                  shape().items, "items");
}

std::vector<float> CheckpointReader::read(const Segment& segment) const {
  return read(segment, files::model_group);
}

std::vector<float> CheckpointReader::read(const Segment& segment, const std::string& group) const {
  const std::string object = group + segment.name;
  const hdf5::Dims wanted{static_cast<hsize_t>(segment.rows), static_cast<hsize_t>(segment.cols)};
  require(file_.dims(object) == wanted,
          "{}: {} has not the shape that the model needs ({} x {}); the checkpoint is damaged",
          path().string(), object, segment.rows, segment.cols);
  auto values = file_.read<float>(object);
  hdf5::require_finite(file_, object, values, not_finite);
  return values;
}

void CheckpointReader::read_rows(int number, const Segment& segment, const std::string& group,
                                 const UserRange& users, std::span<float> rows) {
  const auto& file = part(number);
  const std::string object = group + segment.name;
  const auto dims = file.dims(object);
  require(dims.size() == 2 && dims[1] == static_cast<hsize_t>(segment.cols),
          "{}: {} has not the shape that the model needs ({} columns); the checkpoint is damaged",
          file.path().string(), object, segment.cols);
  file.read_rows<float>(object, users.first - part_users(number).first, rows);
  hdf5::require_finite(file, object, rows, not_finite);
}

void CheckpointReader::read_rows(const Segment& segment, const std::string& group,
                                 std::span<const std::uint32_t> users, std::span<float> rows) {
  const auto cols = static_cast<std::size_t>(segment.cols);
  read_in_ranges(users, cols, rows, [&](const UserRange& range, std::span<float> block) {
    for_parts(range, [&](int number, const UserRange& common) {
      read_rows(number, segment, group, common,
                block.subspan((common.first - range.first) * cols, common.size() * cols));
    });
  });
}

void CheckpointReader::read_item_rows(const Segment& segment, const std::string& group,
                                      std::span<const std::uint32_t> items, std::span<float> rows) const {
  const std::string object = group + segment.name;
  const hdf5::Dims shaped{static_cast<hsize_t>(shape().items), static_cast<hsize_t>(segment.cols)};
  require(file_.dims(object) == shaped,
          "{}: {} has not the shape that the model needs ({} x {}); the checkpoint is damaged",
          path().string(), object, shape().items, segment.cols);
  read_in_ranges(items, static_cast<std::size_t>(segment.cols), rows,
                 [&](const UserRange& range, std::span<float> block) {
                   file_.read_rows<float>(object, range.first, block);
                   hdf5::require_finite(file_, object, block, not_finite);
                 });
}

void CheckpointReader::read_users(std::span<const std::uint32_t> users, std::span<float> gmf,
                                  std::span<float> mlp) {
  const ParameterLayout layout(shape(), shape().users);
  if (!layout.user_gmf.empty()) read_rows(layout.user_gmf, files::model_group, users, gmf);
  if (!layout.user_mlp.empty()) read_rows(layout.user_mlp, files::model_group, users, mlp);
}

}  // namespace neumf
