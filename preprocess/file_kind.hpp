// What a file is that holds no ratings as text.
#pragma once

#include <string>
#include <string_view>

namespace neumf::preprocess {

// `beginning` is the first of the file's bytes, decompressed. Fails, naming the kind of the file and how to
// get text from it, if it is no text in UTF-8 or another extension of ASCII.
void require_text(std::string_view beginning, const std::string& file);

}  // namespace neumf::preprocess
