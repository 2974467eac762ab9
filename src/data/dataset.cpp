#include "neumf/data/dataset.hpp"

#include <fmt/ranges.h>
#include <algorithm>
#include <functional>
#include <numeric>

#include "neumf/core/error.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/data/layout.hpp"

namespace neumf {
namespace {

constexpr const char* remedy = "the data set is damaged or mixed from two runs: run neumf-preprocess again";

// Reads the rows from `first` on, all of items below `limit`.
void read_items(const hdf5::File& file, const char* name, std::uint64_t first, std::span<std::uint32_t> out,
                std::uint64_t limit) {
  file.read_rows<std::uint32_t>(name, first, out);
  const auto bad = std::find_if(out.begin(), out.end(), [&](std::uint32_t v) { return v >= limit; });
  if (bad != out.end())
    fail("{}: {} holds item {}, but the data set has {} items; {}", file.path().string(), name, *bad, limit,
         remedy);
}

void check_dims(const hdf5::File& file, const char* name, const hdf5::Dims& expected) {
  const hdf5::Dims dims = file.dims(name);
  require(dims == expected, "{}: {} has the shape ({}), not ({}); {}", file.path().string(), name,
          fmt::join(dims, ", "), fmt::join(expected, ", "), remedy);
}

std::uint64_t count_attribute(const hdf5::File& file, const char* name) {
  const std::int64_t value = file.int_attribute(name);
  require(value >= 0 && value < (std::int64_t{1} << 48), "{}: attribute '{}' is {}; {}", file.path().string(),
          name, value, remedy);
  return static_cast<std::uint64_t>(value);
}

// Where a kind of held-out items is stored. Without `counts` every user has one.
struct HeldOutNames {
  const char *counts, *items, *negatives;
};
constexpr HeldOutNames one_test_item{nullptr, layout::test_items, layout::test_negatives},
    test_names{layout::test_counts, layout::test_items, layout::test_negatives},
    valid_names{layout::valid_counts, layout::valid_items, layout::valid_negatives};

// How many items a shard of so many users holds out. Fails unless the shapes are those that are promised:
// memory is taken by them.
std::uint64_t check_held_out(const hdf5::File& file, const HeldOutNames& names, std::uint64_t users,
                             std::uint64_t negatives) {
  check_dims(file, names.negatives, {users, negatives});
  if (names.counts == nullptr) {
    check_dims(file, names.items, {users});
    return users;
  }
  check_dims(file, names.counts, {users});
  const hdf5::Dims dims = file.dims(names.items);
  require(dims.size() == 1, "{}: {} has {} dimensions, not 1; {}", file.path().string(), names.items,
          dims.size(), remedy);
  return dims[0];
}

// Appends what a shard holds out of its users [first, first + count).
void read_held_out(const hdf5::File& file, const HeldOutNames& names, std::uint64_t first,
                   std::uint64_t count, std::uint64_t items, std::uint64_t negatives, HeldOut& held_out) {
  std::uint64_t before = first;  // held-out items of the users before
  std::vector<std::uint32_t> counts(count, 1);
  if (names.counts != nullptr) {
    counts.resize(first + count);
    file.read_rows<std::uint32_t>(names.counts, 0, std::span(counts));
    before = std::accumulate(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(first),
                             std::uint64_t{0});
    counts.erase(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(first));
  }
  const auto own = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  require(before + own <= file.dims(names.items).at(0), "{}: {} has fewer rows than {} says; {}",
          file.path().string(), names.items, names.counts == nullptr ? "the number of users" : names.counts,
          remedy);
  const std::uint64_t begin = held_out.items.size(), negatives_before = held_out.negatives.size();
  for (const std::uint32_t of_user : counts) held_out.offsets.push_back(held_out.offsets.back() + of_user);
  held_out.items.resize(begin + own);
  read_items(file, names.items, before, std::span(held_out.items).subspan(begin), items);
  held_out.negatives.resize(negatives_before + count * negatives);
  read_items(file, names.negatives, first, std::span(held_out.negatives).subspan(negatives_before), items);
}

// Evaluation takes a user's held-out items for different ones.
void require_different(const HeldOut& held_out, const char* name, const std::filesystem::path& directory,
                       std::uint64_t first_user) {
  for (std::size_t user = 0; user < held_out.users(); ++user) {
    const auto own = held_out.of(user);
    require(std::adjacent_find(own.begin(), own.end(), std::greater_equal<>()) == own.end(),
            "{}: {} of user {} are not ascending; {}", directory.string(), name, first_user + user, remedy);
  }
}

}  // namespace

Dataset Dataset::open(const std::filesystem::path& directory) {
  const auto path = directory / layout::dataset_file;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    fail("{}: no data set here ({} is missing). Make one with: neumf-preprocess --input RATINGS --output {}",
         directory.string(), layout::dataset_file, directory.string());
  const auto file = hdf5::File::open(path);
  const std::int64_t version =
      file.has_attribute("format_version") ? file.int_attribute("format_version") : -1;
  require(version == layout::format_version || version == layout::ragged_format_version,
          "{}: data set format version {}, but this program reads versions {} and {}: run neumf-preprocess "
          "again",
          path.string(), version, layout::format_version, layout::ragged_format_version);

  Dataset dataset;
  dataset.directory_ = directory;
  dataset.ragged_ = version == layout::ragged_format_version;
  dataset.id_ = file.string_attribute("dataset_id");
  dataset.source_ = file.has_attribute("source") ? file.string_attribute("source") : "unknown";
  dataset.items_ = count_attribute(file, "items");
  dataset.positives_ = count_attribute(file, "positives");
  dataset.valid_negative_ = count_attribute(file, "valid_negative");
  dataset.shards_ = static_cast<std::size_t>(count_attribute(file, "shards"));
  const std::uint64_t users = count_attribute(file, "users");
  require(dataset.items_ > 0 && dataset.items_ <= UINT32_MAX && users > 0 && users <= UINT32_MAX,
          "{}: {} users and {} items; {}", path.string(), users, dataset.items_, remedy);
  dataset.shard_first_user_ = file.read<std::uint64_t>(layout::shard_first_user);
  const auto& bounds = dataset.shard_first_user_;
  require(dataset.shards_ > 0 && bounds.size() == dataset.shards_ + 1 && bounds.front() == 0 &&
              bounds.back() == users && std::is_sorted(bounds.begin(), bounds.end()),
          "{}: {} does not cut {} users into {} shards; {}", path.string(), layout::shard_first_user, users,
          dataset.shards_, remedy);

  dataset.test_held_out_ = dataset.ragged_ ? count_attribute(file, "test_held_out") : users;
  dataset.valid_held_out_ = dataset.ragged_ ? count_attribute(file, "valid_held_out") : 0;
  std::uint64_t test_held_out = 0, valid_held_out = 0;

  // Straight from the shard files, whose names follow from their number: no path stored in a file is
  // followed.
  for (std::size_t shard = 0; shard < dataset.shards_; ++shard) {
    const auto shard_file = hdf5::File::open(directory / layout::shard_file(shard, dataset.shards_));
    require(shard_file.string_attribute("dataset_id") == dataset.id_,
            "{}: belongs to another data set than {}; {}", shard_file.path().string(), path.string(), remedy);
    const std::uint64_t shard_users = bounds[shard + 1] - bounds[shard];
    // Before memory is taken for them: the files must hold what the master promises.
    check_dims(shard_file, layout::train_counts, {shard_users});
    test_held_out += check_held_out(shard_file, dataset.ragged_ ? test_names : one_test_item, shard_users,
                                    dataset.valid_negative_);
    if (dataset.has_validation())
      valid_held_out += check_held_out(shard_file, valid_names, shard_users, dataset.valid_negative_);
    dataset.counts_.resize(bounds[shard + 1]);
    const auto counts = std::span(dataset.counts_).subspan(bounds[shard], shard_users);
    shard_file.read_rows<std::uint32_t>(layout::train_counts, 0, counts);
    check_dims(shard_file, layout::train_items,
               {std::accumulate(counts.begin(), counts.end(), std::uint64_t{0})});
  }
  const auto total = std::accumulate(dataset.counts_.begin(), dataset.counts_.end(), std::uint64_t{0});
  require(total == dataset.positives_, "{}: {} training positives, but the shards hold {}; {}", path.string(),
          dataset.positives_, total, remedy);
  require(test_held_out == dataset.test_held_out_ && valid_held_out == dataset.valid_held_out_,
          "{}: {} test and {} validation items, but the shards hold {} and {}; {}", path.string(),
          dataset.test_held_out_, dataset.valid_held_out_, test_held_out, valid_held_out, remedy);
  return dataset;
}

UserRange Dataset::user_range(int rank, int ranks) const {
  require(users() >= static_cast<std::uint64_t>(ranks),
          "{}: the data set has {} users, fewer than the {} ranks: start at most {} ranks",
          directory_.string(), users(), ranks, users());
  const auto bounds = layout::balanced_user_ranges(counts_, static_cast<std::size_t>(ranks));
  return {bounds[static_cast<std::size_t>(rank)], bounds[static_cast<std::size_t>(rank) + 1]};
}

Shard Dataset::load(const UserRange& range) const {
  require(range.first <= range.last && range.last <= users(), "{}: users {} to {} asked for, of {}",
          directory_.string(), range.first, range.last, users());
  Shard shard;
  shard.users = range;
  const auto counts = std::span(counts_).subspan(range.first, range.size());
  shard.first_positive = std::accumulate(
      counts_.begin(), counts_.begin() + static_cast<std::ptrdiff_t>(range.first), std::uint64_t{0});
  shard.offsets.assign(range.size() + 1, 0);
  std::inclusive_scan(counts.begin(), counts.end(), shard.offsets.begin() + 1, std::plus<>(),
                      std::uint64_t{0});
  shard.items.resize(shard.offsets.back());

  for (const auto& part : layout::shards_of(shard_first_user_, range.first, range.last)) {
    const auto file = hdf5::File::open(directory_ / layout::shard_file(part.shard, shards_));
    const auto in_file = part.first - shard_first_user_[part.shard];  // row of its first user in the file
    const auto in_memory = part.first - range.first;
    const auto in_part = part.last - part.first;
    const auto counts_before = std::span(counts_).subspan(shard_first_user_[part.shard], in_file);
    const auto before = std::accumulate(counts_before.begin(), counts_before.end(), std::uint64_t{0});
    const auto offset = shard.offsets[in_memory];
    const auto positives = shard.offsets[in_memory + in_part] - offset;
    read_items(file, layout::train_items, before, std::span(shard.items).subspan(offset, positives), items_);
    const auto read = [&](const HeldOutNames& names, HeldOut& held_out) {
      read_held_out(file, names, in_file, in_part, items_, valid_negative_, held_out);
    };
    read(ragged_ ? test_names : one_test_item, shard.test);
    if (has_validation()) read(valid_names, shard.valid);
  }
  require_different(shard.test, layout::test_items, directory_, range.first);
  require_different(shard.valid, layout::valid_items, directory_, range.first);
  for (std::uint64_t user = 0; user < range.size(); ++user) {
    const auto begin = shard.items.begin() + static_cast<std::ptrdiff_t>(shard.offsets[user]);
    const auto end = shard.items.begin() + static_cast<std::ptrdiff_t>(shard.offsets[user + 1]);
    require(std::adjacent_find(begin, end, std::greater_equal<>()) == end,
            "{}: the training items of user {} are not ascending; {}", directory_.string(),
            range.first + user, remedy);
  }
  return shard;
}

std::vector<std::string> Dataset::read_ids(const char* name, std::uint64_t count) const {
  const auto file = hdf5::File::open(directory_ / layout::dataset_file);
  check_dims(file, name, {count});
  if (file.holds_strings(name)) return file.read_strings(name);
  std::vector<std::string> ids;
  for (const std::int64_t id : file.read<std::int64_t>(name)) ids.push_back(std::to_string(id));
  return ids;
}

std::vector<std::string> Dataset::user_ids() const {
  return read_ids(layout::user_ids, users());
}

std::vector<std::string> Dataset::item_ids() const {
  return read_ids(layout::item_ids, items_);
}

}  // namespace neumf
