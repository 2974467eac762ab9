// JSON lines: one object per line, as Yelp, Goodreads and Amazon publish their reviews.
#pragma once

#include <string>
#include <string_view>

#include "columns.hpp"
#include "parsed_block.hpp"
#include "ratings_format.hpp"

namespace neumf::preprocess {

// The keys of the first objects as columns, in order of appearance. `whole`: nothing follows `text`. Fails on
// what is not JSON lines, and says what it is: one array, an object over several lines, Python's notation.
TableHead json_head(std::string_view text, bool whole, const std::string& file);

// Ids are strings or integers; only keys of the outer object count.
ParsedBlock parse_json_lines(std::string text, const RatingsFormat& format);

}  // namespace neumf::preprocess
