// XXH128, as a checksum against mix-ups, not for security: `xxh128sum` prints the same. It keeps up with reading.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace neumf::preprocess {

// Of bytes as they come.
class Digest {
 public:
  Digest();
  ~Digest();
  void update(std::string_view bytes);
  // 32 lower-case hexadecimal digits.
  std::string finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string digest_of_text(std::string_view text);
// Reads the whole file. Fails if it cannot be read.
std::string digest_of_file(const std::filesystem::path& path);

}  // namespace neumf::preprocess
