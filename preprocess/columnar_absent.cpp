// Instead of columnar.cpp in a build without Arrow.
#include "columnar.hpp"
#include "neumf/core/error.hpp"

namespace neumf::preprocess {

bool reads_columnar() {
  return false;
}

std::unique_ptr<ColumnarFile> open_columnar(const std::filesystem::path& path, FormatName kind) {
  fail("{}: is of the format {}, but neumf was built without Arrow", path.string(), name_of(kind));
}

}  // namespace neumf::preprocess
