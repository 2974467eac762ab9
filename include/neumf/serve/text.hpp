// Lines of text as people and spreadsheets write them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace neumf::serve {

// The fields of one line of CSV (RFC 4180): a field in quotes may hold the separator, and quotes written
// twice. Throws Error, without a place, if quotes are not closed.
std::vector<std::string> split_csv(std::string_view line, char separator);

// A field for CSV with commas: quoted where it must be.
std::string csv_field(std::string_view text);

// Without spaces, tabs and carriage returns at both ends.
std::string_view trimmed(std::string_view text);

// UTF-8: text that is not valid is taken for Latin-1, as MovieLens wrote it until 2009.
std::string to_utf8(std::string_view text);

}  // namespace neumf::serve
