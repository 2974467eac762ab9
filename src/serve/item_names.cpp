#include "neumf/serve/item_names.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <optional>

#include "neumf/core/error.hpp"
#include "neumf/data/column_names.hpp"
#include "neumf/data/utf8.hpp"
#include "neumf/serve/text.hpp"

namespace neumf::serve {
namespace {

std::vector<std::string> split_at(std::string_view line, std::string_view separator) {
  std::vector<std::string> fields;
  for (std::size_t begin = 0;;) {
    const auto end = line.find(separator, begin);
    fields.emplace_back(line.substr(begin, end == std::string_view::npos ? end : end - begin));
    if (end == std::string_view::npos) return fields;
    begin = end + separator.size();
  }
}

struct Format {
  std::string separator;  // "::", "|", or one character of CSV
  std::size_t id = 0, title = 1;
  bool header = false;

  // CSV, where fields may be in quotes.
  bool quotes() const { return separator != "::" && separator != "|"; }
  std::vector<std::string> split(std::string_view line) const {
    return quotes() ? split_csv(line, separator.front()) : split_at(line, separator);
  }
};

// The most certain name of an item's column.
std::size_t item_column(const std::vector<std::string>& header) {
  std::size_t best = header.size(), best_rank = SIZE_MAX;
  for (std::size_t i = 0; i < header.size(); ++i) {
    // An "id" by itself is the item's in a file of items.
    const auto rank = columns::normalised(header[i]) == "id" ? std::optional<std::size_t>(SIZE_MAX - 1)
                                                             : columns::rank(columns::Role::item, header[i]);
    if (rank && *rank < best_rank) {
      best = i;
      best_rank = *rank;
    }
  }
  return best;
}

std::size_t title_column(const std::vector<std::string>& header) {
  for (const auto* wanted : {"title", "name", "itemname", "itemtitle", "movietitle", "booktitle",
                             "productname", "producttitle", "songtitle", "trackname", "artistname"})
    for (std::size_t i = 0; i < header.size(); ++i)
      if (columns::normalised(header[i]) == wanted) return i;
  return header.size();
}

Format detect(std::string_view first_line, const std::string& path) {
  Format format;
  for (const char* separator : {"::", "|"})
    if (first_line.find(separator) != std::string_view::npos) {
      format.separator = separator;
      return format;
    }
  format.header = true;
  format.separator.assign(1, first_line.find('\t') != std::string_view::npos ? '\t' : ',');
  const auto header = format.split(first_line);
  format.id = item_column(header);
  format.title = title_column(header);
  require(format.id < header.size() && format.title < header.size(),
          "{}: line 1: neither movies.dat (id::title::genres) nor a CSV header that names an item column "
          "(movieId, "
          "item_id) and a title column (title, name)",
          path);
  return format;
}

}  // namespace

std::vector<std::string> read_item_names(const std::filesystem::path& path, const IdIndex& items) {
  std::ifstream file(path);
  require(file.good(), "--item_names {}: cannot read this file", path.string());
  std::vector<std::string> titles(items.ids().size());
  std::size_t found = 0;
  Format format;
  RecordReader records(file, path.string(), [&](std::string_view first_line) {
    format = detect(first_line, path.string());
    return format.quotes() ? std::optional(format.separator.front()) : std::nullopt;
  });
  for (bool first = true; records.next(); first = false) {
    if ((first && format.header) || records.text().empty()) continue;
    std::vector<std::string> fields;
    try {
      fields = format.split(records.text());
    } catch (const Error& error) {
      fail("{}: line {}: {}", path.string(), records.line(), error.what());
    }
    require(fields.size() > std::max(format.id, format.title),
            "{}: line {}: {} columns; an id and a title are needed", path.string(), records.line(),
            fields.size());
    if (const auto row = items.find(trimmed(fields[format.id]))) {
      titles[*row] = to_utf8(fields[format.title]);
      ++found;
    }
  }
  require(found > 0,
          "--item_names {}: none of its items is in the checkpoint's catalogue (its first is '{}')",
          path.string(), items.ids().empty() ? "" : items.ids().front());
  return titles;
}

}  // namespace neumf::serve
