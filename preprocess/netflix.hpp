// The files of the Netflix Prize: a line "movie:", then its ratings, "user,rating,date".
#pragma once

#include <string>
#include <string_view>

#include "parsed_block.hpp"
#include "ratings_format.hpp"

namespace neumf::preprocess {

// "1488844:"
bool is_netflix_movie(std::string_view line);

// A block of whole movies: it begins with a line "movie:".
ParsedBlock parse_netflix(std::string text, const RatingsFormat& format);

// The size of the longest prefix that ends before a line "movie:", or 0.
std::size_t whole_movies(std::string_view text);

}  // namespace neumf::preprocess
