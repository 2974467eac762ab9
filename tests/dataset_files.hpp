// Writes a data set in memory (toy_data.hpp) as the files that Dataset reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "neumf/data/hdf5.hpp"
#include "neumf/data/layout.hpp"
#include "toy_data.hpp"

namespace neumf::test {

inline void write_dataset(const std::filesystem::path& directory, const Shard& whole, std::uint32_t items,
                          int shards, std::int64_t version = layout::format_version) {
  const auto users = whole.users.size();
  const auto negatives = whole.test.negatives.size() / users;
  std::vector<std::uint64_t> bounds{0};
  for (int i = 0; i < shards; ++i) {
    const Shard part = part_of(whole, i, shards);
    bounds.push_back(part.users.last);
    std::vector<std::uint32_t> counts;
    for (std::size_t u = 0; u < part.users.size(); ++u)
      counts.push_back(static_cast<std::uint32_t>(part.offsets[u + 1] - part.offsets[u]));
    auto file = hdf5::File::create(
        directory / layout::shard_file(static_cast<std::size_t>(i), static_cast<std::size_t>(shards)));
    file.set_attribute("format_version", version);
    file.set_attribute("dataset_id", std::string("toy"));
    file.write(layout::train_counts, counts);
    file.write(layout::train_items, part.items, hdf5::compact_unsigned_type(items));
    const auto write = [&](const HeldOut& held_out, const char* held_out_counts, const char* names,
                           const char* negative_names) {
      std::vector<std::uint32_t> lengths;
      for (std::size_t u = 0; u < held_out.users(); ++u)
        lengths.push_back(static_cast<std::uint32_t>(held_out.of(u).size()));
      if (version == layout::ragged_format_version) file.write(held_out_counts, lengths);
      file.write(names, held_out.items, hdf5::compact_unsigned_type(items));
      file.write<std::uint32_t>(negative_names, held_out.negatives, {part.users.size(), negatives},
                                hdf5::compact_unsigned_type(items));
    };
    write(part.test, layout::test_counts, layout::test_items, layout::test_negatives);
    if (!whole.valid.items.empty())
      write(part.valid, layout::valid_counts, layout::valid_items, layout::valid_negatives);
    file.close();
  }
  auto file = hdf5::File::create(directory / layout::dataset_file);
  file.set_attribute("format_version", version);
  file.set_attribute("dataset_id", std::string("toy"));
  file.set_attribute("users", static_cast<std::int64_t>(users));
  file.set_attribute("items", std::int64_t{items});
  file.set_attribute("positives", static_cast<std::int64_t>(whole.items.size()));
  if (version == layout::ragged_format_version) {
    file.set_attribute("test_held_out", static_cast<std::int64_t>(whole.test.items.size()));
    file.set_attribute("valid_held_out", static_cast<std::int64_t>(whole.valid.items.size()));
  }
  file.set_attribute("valid_negative", static_cast<std::int64_t>(negatives));
  file.set_attribute("shards", std::int64_t{shards});
  file.write(layout::shard_first_user, bounds);
  std::vector<std::int64_t> user_ids(users);
  for (std::size_t u = 0; u < users; ++u) user_ids[u] = static_cast<std::int64_t>(100 + u);
  file.write(layout::user_ids, user_ids);
  std::vector<std::string> item_ids(items);
  for (std::uint32_t i = 0; i < items; ++i) item_ids[i] = "item " + std::to_string(i);
  file.write_strings(layout::item_ids, item_ids);
  file.close();
}

}  // namespace neumf::test
