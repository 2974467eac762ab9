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
        item_ids_(texts(split.item_ids, "items")) {}

  void write_shard(std::size_t shard, const std::filesystem::path& path) const {
    const std::uint64_t first = bounds_[shard], users = bounds_[shard + 1] - first;
    const std::uint64_t per_user = split_.negatives_per_user;
    auto file = hdf5::File::create(path);
    const auto rows = [&](const std::vector<std::uint32_t>& data) {
      return std::span(data).subspan(first, users);
    };
    file.write(layout::train_counts, rows(split_.counts), {users}, count_type_);
    file.write(layout::train_items,
               std::span(split_.train_items).subspan(split_.offsets[first], positives(shard)),
               {positives(shard)}, item_type_);
    file.write(layout::test_items, rows(split_.test_items), {users}, item_type_);
    file.write(layout::test_negatives,
               std::span(split_.negatives).subspan(first * per_user, users * per_user), {users, per_user},
               item_type_);
    file.set_attribute("format_version", layout::format_version);
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
    write_virtual(file, layout::train_counts, {users}, count_type_, false);
    write_virtual(file, layout::train_items, {total}, item_type_, true);
    write_virtual(file, layout::test_items, {users}, item_type_, false);
    write_virtual(file, layout::test_negatives, {users, split_.negatives_per_user}, item_type_, false);
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

  void write_virtual(hdf5::File& file, const char* name, const hdf5::Dims& dims, hid_t type,
                     bool by_positive) const {
    std::vector<hdf5::VirtualSource> sources;
    for (std::size_t shard = 0; shard < shards(); ++shard)
      sources.push_back({layout::shard_file(shard, shards()), name,
                         by_positive ? positives(shard) : bounds_[shard + 1] - bounds_[shard]});
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
    file.set_attribute("format_version", layout::format_version);
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
    file.set_attribute("source_md5", provenance_.source_md5);
    file.set_attribute("options", provenance_.options);
    file.set_attribute("columns", provenance_.columns);
    file.set_attribute("held_out", provenance_.held_out);
    file.set_attribute("created_by", provenance_.created_by);
  }

  const Split& split_;
  const Provenance& provenance_;
  std::string id_;
  std::vector<std::uint64_t> bounds_;
  hid_t count_type_, item_type_;
  std::vector<std::string> user_ids_, item_ids_;
};

}  // namespace

std::string dataset_id(const Provenance& provenance) {
  return md5_of_text(fmt::format("{}\n{}\n{}\n{}\n{}", layout::format_version, provenance.created_by,
                                 provenance.source_md5, provenance.options, provenance.seed));
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
