// MD5, as a checksum against mix-ups and broken downloads (MovieLens publishes MD5), not for security.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace neumf::preprocess {

// 32 lower-case hexadecimal digits.
std::string md5_of_text(std::string_view text);
// Reads the whole file. Fails if it cannot be read.
std::string md5_of_file(const std::filesystem::path& path);

}  // namespace neumf::preprocess
