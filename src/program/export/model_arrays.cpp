#include "model_arrays.hpp"

#include <algorithm>
#include <numeric>

#include "neumf/checkpoint/files.hpp"
#include "neumf/core/error.hpp"
#include "neumf/data/utf8.hpp"

namespace neumf::program {
namespace {

constexpr const char* item_vectors = "gmf_item_vectors";

std::vector<std::string> utf8(std::vector<std::string> ids) {
  for (auto& id : ids) id = to_utf8(id);
  return ids;
}

}  // namespace

std::uint64_t ModelArray::size() const {
  return std::accumulate(dims.begin(), dims.end(), std::uint64_t{1}, std::multiplies<>());
}

ModelArrays::ModelArrays(CheckpointReader& checkpoint)
    : checkpoint_(checkpoint),
      user_ids_(utf8(checkpoint.user_ids())),
      item_ids_(utf8(checkpoint.item_ids())) {
  const ParameterLayout layout(shape(), shape().users);
  for (const Segment* segment : layout.user_segments()) add(*segment, true);
  for (const Segment* segment : layout.shared_segments()) add(*segment);
  if (!shape().has_gmf()) return;
  ModelArray vectors = named(layout.item_gmf.name);
  vectors.name = item_vectors;
  arrays_.push_back(std::move(vectors));
}

void ModelArrays::add(const Segment& segment, bool of_users) {
  ModelArray array{segment.name, {}, segment, of_users};
  // Those that the layout has as matrices of one row.
  const bool vector = segment.name.starts_with("head_") || segment.name.ends_with("_bias");
  if (!vector) array.dims.push_back(static_cast<std::uint64_t>(segment.rows));
  array.dims.push_back(static_cast<std::uint64_t>(segment.cols));
  arrays_.push_back(std::move(array));
}

const ModelArray& ModelArrays::named(const std::string& name) const {
  const auto found =
      std::find_if(arrays_.begin(), arrays_.end(), [&](const ModelArray& a) { return a.name == name; });
  require(found != arrays_.end(), "the model has no {}", name);
  return *found;
}

void ModelArrays::read(const ModelArray& array, const std::function<void(std::span<const float>)>& take) {
  if (!array.of_users) {
    auto values = checkpoint_.read(array.segment);
    if (array.name == item_vectors) {
      const auto weights = checkpoint_.read(ParameterLayout(shape(), 0).head_gmf);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] *= weights[i % weights.size()];
    }
    take(values);
    return;
  }
  constexpr std::int64_t users_at_once = 65536;
  std::vector<std::uint32_t> users;
  std::vector<float> rows;
  for (std::int64_t first = 0; first < array.segment.rows; first += users_at_once) {
    users.resize(static_cast<std::size_t>(std::min(users_at_once, array.segment.rows - first)));
    std::iota(users.begin(), users.end(), static_cast<std::uint32_t>(first));
    rows.resize(users.size() * static_cast<std::size_t>(array.segment.cols));
    checkpoint_.read_rows(array.segment, checkpoint_files::model_group, users, rows);
    take(rows);
  }
}

std::vector<float> ModelArrays::read(const ModelArray& array) {
  std::vector<float> all;
  all.reserve(array.size());
  read(array, [&](std::span<const float> some) { all.insert(all.end(), some.begin(), some.end()); });
  return all;
}

}  // namespace neumf::program
