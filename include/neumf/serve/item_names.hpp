// Titles of items, from MovieLens' movies.csv (header, commas, quotes), movies.dat (`id::title::genres`),
// u.item
// (`id|title|...`), or any CSV with an item and a title column.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "neumf/data/id_index.hpp"

namespace neumf::serve {

// The title of each item of the catalogue, UTF-8, empty where the file has none. Throws Error naming the line
// that cannot be read, or if no item of the catalogue has a title.
std::vector<std::string> read_item_names(const std::filesystem::path& path, const IdIndex& items);

}  // namespace neumf::serve
