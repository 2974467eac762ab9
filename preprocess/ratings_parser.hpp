// Text blocks to ratings.
#pragma once

#include <string>

#include "parsed_block.hpp"
#include "ratings_format.hpp"

namespace neumf::preprocess {

// A block of a delimited file. `skip_header`: it starts with a header line. Quoted fields must be closed and
// followed by a separator; where a field spans lines that are all complete records when quotes are taken
// literally, it cannot be told which is meant, and that is a bad line.
ParsedBlock parse_table(std::string text, const RatingsFormat& format, bool skip_header);

// A block in any format.
ParsedBlock parse_block(std::string text, const RatingsFormat& format, bool skip_header);

}  // namespace neumf::preprocess
