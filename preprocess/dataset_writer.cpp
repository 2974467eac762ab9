#include "dataset_writer.hpp"

#include <algorithm>

#include "digest.hpp"
#include "neumf/core/error.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/data/id_index.hpp"
#include "neumf/data/layout.hpp"

namespace neumf::preprocess {
namespace {

class Writer {
 public:
  Writer(const Split& split, const Provenance& provenance, std::size_t shards)
      : split_(split),
        provenance_(provenance),
        id_(dataset_id(provenance)),
        bounds_(layout::balanced_user_ranges(split.counts, shards)),
        // The largest number of a type is never used: it is what h5py reads where a shard is missing.
        count_type_(hdf5::compact_unsigned_type(
            std::uint64_t{*std::max_element(split.counts.begin(), split.counts.end())} + 1)),
        item_type_(hdf5::compact_unsigned_type(split.items())),
        user_ids_(texts(split.user_ids, "users")),
        item_ids_(texts(split.item_ids, "items")),
        ragged_(!split.one_test_item_each()) {}

  void write_shard(std::size_t shard, const std::filesystem::path& path) const {
    const std::uint64_t first = bounds_[shard], users = bounds_[shard + 1] - first;
    auto file = hdf5::File::create(path);
    file.write(layout::train_counts, std::span(split_.counts).subspan(first, users), {users}, count_type_);
    file.write(layout::train_items,
               std::span(split_.train_items).subspan(split_.offsets[first], positives(shard)),
               {positives(shard)}, item_type_);
    for (const auto& part : held_out()) write_held_out(file, part, first, users);
    file.set_attribute("format_version", version());
    file.set_attribute("dataset_id", id_);
    file.set_attribute("shard", static_cast<std::int64_t>(shard));
    file.set_attribute("shards", static_cast<std::int64_t>(shards()));
    file.set_attribute("first_user", static_cast<std::int64_t>(first));
    file.set_attribute("users", static_cast<std::int64_t>(users));
    file.close();
  }

  void write_master(const std::filesystem::path& path) const {
    auto file = hdf5::File::create(path);
    const hsize_t users = split_.users(), total = split_.train_items.size();
    const auto users_of = [&](std::size_t shard) { return bounds_[shard + 1] - bounds_[shard]; };
    const auto rows_of = [&](const std::vector<std::uint64_t>& offsets) {
      return [&](std::size_t shard) { return offsets[bounds_[shard + 1]] - offsets[bounds_[shard]]; };
    };
    write_virtual(file, layout::train_counts, {users}, count_type_, users_of);
    write_virtual(file, layout::train_items, {total}, item_type_, rows_of(split_.offsets));
    for (const auto& part : held_out()) {
      if (ragged_) write_virtual(file, part.counts, {users}, part.count_type, users_of);
      write_virtual(file, part.items, {part.data.items.size()}, item_type_, rows_of(part.data.offsets));
      write_virtual(file, part.negatives, {users, split_.negatives_per_user}, item_type_, users_of);
    }
    file.write_strings(layout::user_ids, user_ids_);
    file.write_strings(layout::item_ids, item_ids_);
    file.write(layout::shard_first_user, bounds_, hdf5::compact_unsigned_type(users));
    std::vector<std::uint64_t> shard_positives;
    for (std::size_t shard = 0; shard < shards(); ++shard) shard_positives.push_back(positives(shard));
    file.write(layout::shard_positives, shard_positives, hdf5::compact_unsigned_type(total));
    write_attributes(file);
    file.close();
  }

 private:
  std::size_t shards() const { return bounds_.size() - 1; }
  std::uint64_t positives(std::size_t shard) const {
    return split_.offsets[bounds_[shard + 1]] - split_.offsets[bounds_[shard]];
  }

  std::int64_t version() const { return ragged_ ? layout::ragged_format_version : layout::format_version; }

  // The test, or the validation, and where it is written.
  struct Part {
    const HeldOut& data;
    const char *counts, *items, *negatives;
    hid_t count_type;
  };
  std::vector<Part> held_out() const {
    const auto part = [](const HeldOut& data, const char* counts, const char* items, const char* negatives) {
      std::uint64_t most = 0;
      for (std::size_t user = 0; user < data.users(); ++user)
        most = std::max<std::uint64_t>(most, data.of(user).size());
      return Part{data, counts, items, negatives, hdf5::compact_unsigned_type(most + 1)};
    };
    std::vector<Part> parts{
        part(split_.test, layout::test_counts, layout::test_items, layout::test_negatives)};
    if (split_.has_validation())
      parts.push_back(part(split_.valid, layout::valid_counts, layout::valid_items, layout::valid_negatives));
    return parts;
  }

  void write_held_out(hdf5::File& file, const Part& part, std::uint64_t first, std::uint64_t users) const {
    const std::uint64_t per_user = split_.negatives_per_user;
    const auto& offsets = part.data.offsets;
    if (ragged_) {
      std::vector<std::uint32_t> counts;
      for (std::uint64_t user = first; user < first + users; ++user)
        counts.push_back(static_cast<std::uint32_t>(offsets[user + 1] - offsets[user]));
      file.write(part.counts, counts, part.count_type);
    }
    const std::uint64_t items = offsets[first + users] - offsets[first];
    file.write(part.items, std::span(part.data.items).subspan(offsets[first], items), {items}, item_type_);
    file.write(part.negatives, std::span(part.data.negatives).subspan(first * per_user, users * per_user),
               {users, per_user}, item_type_);
  }

  // `rows_of(shard)`: how many rows a shard has of the data set.
  template <class Rows>
  void write_virtual(hdf5::File& file, const char* name, const hdf5::Dims& dims, hid_t type,
                     const Rows& rows_of) const {
    std::vector<hdf5::VirtualSource> sources;
    for (std::size_t shard = 0; shard < shards(); ++shard)
      sources.push_back({layout::shard_file(shard, shards()), name, rows_of(shard)});
    file.write_virtual(name, dims, type, sources);
  }

  // As text, whatever they are, and UTF-8, whatever the input was: checkpoints and recommendations have them
  // so.
  static std::vector<std::string> texts(const Ids& ids, const char* what) {
    std::vector<std::string> texts(size(ids));
    for (std::size_t dense = 0; dense < texts.size(); ++dense) texts[dense] = id_text(ids, dense);
    ids_to_utf8(texts, what);
    return texts;
  }

  void write_attributes(hdf5::File& file) const {
    const auto set = [&](const char* name, std::uint64_t value) {
      file.set_attribute(name, static_cast<std::int64_t>(value));
    };
    file.set_attribute("format_version", version());
    file.set_attribute("dataset_id", id_);
    set("users", split_.users());
    set("items", split_.items());
    set("interactions", split_.interactions);
    set("positives", split_.train_items.size());
    set("dropped_users", split_.dropped_users);
    set("dropped_items", split_.dropped_items);
    set("dropped_interactions", split_.dropped_interactions);
    set("duplicates", split_.duplicates);
    set("valid_negative", split_.negatives_per_user);
    set("shards", shards());
    set("seed", provenance_.seed);
    file.set_attribute("source", provenance_.source);
    file.set_attribute("source_xxh128", provenance_.source_xxh128);
    file.set_attribute("options", provenance_.options);
    file.set_attribute("columns", provenance_.columns);
    file.set_attribute("held_out", provenance_.held_out);
    if (ragged_) {
      set("test_held_out", split_.test.items.size());
      set("valid_held_out", split_.valid.items.size());
      file.set_attribute("validation", provenance_.validation);
    }
    file.set_attribute("created_by", provenance_.created_by);
  }

  const Split& split_;
  const Provenance& provenance_;
  std::string id_;
  std::vector<std::uint64_t> bounds_;
  hid_t count_type_, item_type_;
  std::vector<std::string> user_ids_, item_ids_;
  bool ragged_;  // format version 2
};

}  // namespace

std::string dataset_id(const Provenance& provenance) {
  return digest_of_text(fmt::format("{}\n{}\n{}\n{}\n{}", layout::format_version, provenance.created_by,
                                    provenance.source_xxh128, provenance.options, provenance.seed));
}

void write_dataset(const Split& split, const Provenance& provenance, std::size_t shards,
                   OutputDirectory& output, Progress& progress) {
  const Writer writer(split, provenance, shards);
  progress.stage("writing", shards);
  for (std::size_t shard = 0; shard < shards; ++shard) {
    writer.write_shard(shard, output.temporary(layout::shard_file(shard, shards)));
    progress.update(shard + 1);
  }
  writer.write_master(output.temporary(layout::dataset_file));
  output.commit();
}

}  // namespace neumf::preprocess
