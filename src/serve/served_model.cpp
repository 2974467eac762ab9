#include "neumf/serve/served_model.hpp"

#include "neumf/core/error.hpp"
#include "neumf/nn/instantiate.hpp"

namespace neumf::serve {

namespace {

ModelShape with_items(ModelShape shape, std::span<const std::uint32_t> items) {
  if (!items.empty()) shape.items = static_cast<std::int64_t>(items.size());
  return shape;
}

std::vector<float> rows_of(const std::vector<float>& table, std::span<const std::uint32_t> rows,
                           std::size_t cols) {
  std::vector<float> chosen;
  chosen.reserve(rows.size() * cols);
  for (const std::uint32_t row : rows) {
    const auto begin = table.begin() + static_cast<std::ptrdiff_t>(row * cols);
    chosen.insert(chosen.end(), begin, begin + static_cast<std::ptrdiff_t>(cols));
  }
  return chosen;
}

}  // namespace

template <class Device, class T>
ServedModel<Device, T>::ServedModel(Context<Device>& context, CheckpointReader& checkpoint,
                                    std::int64_t window, std::span<const std::uint32_t> items, UserRows* rows)
    : checkpoint_(checkpoint),
      rows_(rows),
      shape_(with_items(checkpoint.shape(), items)),
      parameters_(context, shape_, window, ParameterUse::inference) {
  const auto& layout = parameters_.layout();
  for (const Segment* segment : layout.shared_segments()) {
    Segment there = *segment;
    const bool of_items = segment == &layout.item_gmf || segment == &layout.item_mlp;
    if (of_items) there.rows = checkpoint.shape().items;
    auto values = checkpoint.read(there);
    if (of_items && !items.empty()) values = rows_of(values, items, static_cast<std::size_t>(there.cols));
    upload(context, std::span<const float>(values), parameters_.weight(*segment).data);
  }
  parameters_.refresh_copies(context);
}

template <class Device, class T>
void ServedModel<Device, T>::load_users(Context<Device>& context, std::span<const std::uint32_t> users) {
  require(static_cast<std::int64_t>(users.size()) <= window(), "{} users do not fit into a window of {}",
          users.size(), window());
  const auto factors = static_cast<std::size_t>(shape().factors);
  const auto embedding = static_cast<std::size_t>(shape().mlp_embedding());
  gmf_.resize(users.size() * factors);
  mlp_.resize(users.size() * embedding);

  if (rows_ != nullptr)
    rows_->read(users, gmf_, mlp_);
  else
    checkpoint_.read_users(users, gmf_, mlp_);
  const auto& layout = parameters_.layout();
  if (shape().has_gmf())
    upload(context, std::span<const float>(gmf_), parameters_.weight(layout.user_gmf).data);
  if (shape().has_mlp())
    upload(context, std::span<const float>(mlp_), parameters_.weight(layout.user_mlp).data);
  parameters_.refresh_copies(context, layout.shared);
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class ServedModel<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::serve
