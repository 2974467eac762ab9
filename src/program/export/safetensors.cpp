// Eight bytes with the header's length, a header of JSON, then all values.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "formats.hpp"
#include "neumf/core/version.hpp"

namespace neumf::program {
namespace {

std::size_t longest(const std::vector<std::string>& ids) {
  std::size_t longest = 1;
  for (const auto& id : ids) longest = std::max(longest, id.size());
  return longest;
}

}  // namespace

void write_safetensors(ModelArrays& model, const WriteBytes& write) {
  nlohmann::ordered_json header;
  header["__metadata__"] = {{"created_by", fmt::format("neumf {}", version())},
                            {"factors", fmt::format("{}", model.shape().factors)},
                            {"layers", fmt::format("{}", fmt::join(model.shape().layers, " "))}};
  std::uint64_t end = 0;
  const auto declare = [&](const std::string& name, const char* type, const std::vector<std::uint64_t>& dims,
                           std::uint64_t bytes) {
    header[name] = {{"dtype", type}, {"shape", dims}, {"data_offsets", {end, end + bytes}}};
    end += bytes;
  };
  for (const auto& array : model.all()) declare(array.name, "F32", array.dims, array.bytes());
  const std::pair<const char*, const std::vector<std::string>*> texts[] = {{"user_ids", &model.user_ids()},
                                                                           {"item_ids", &model.item_ids()}};
  for (const auto& [name, ids] : texts)
    declare(name, "U8", {ids->size(), longest(*ids)}, ids->size() * longest(*ids));

  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();
  write({reinterpret_cast<const char*>(&length), sizeof length});
  write(text);
  for (const auto& array : model.all())
    model.read(array, [&](std::span<const float> values) {
      write({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
    });
  for (const auto& [name, ids] : texts) {
    const std::size_t width = longest(*ids);
    std::string all;
    all.reserve(ids->size() * width);
    for (const auto& id : *ids) {
      all += id;
      all.append(width - id.size(), '\0');
    }
    write(all);
  }
}

}  // namespace neumf::program
