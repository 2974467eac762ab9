#include "neumf/serve/served_model.hpp"

#include <algorithm>
#include <numeric>

#include "neumf/core/error.hpp"
#include "neumf/nn/instantiate.hpp"

namespace neumf::serve {

template <class Device, class T>
ServedModel<Device, T>::ServedModel(Context<Device>& context, CheckpointReader& checkpoint,
                                    std::int64_t window)
    : checkpoint_(checkpoint), parameters_(context, checkpoint.shape(), window, ParameterUse::inference) {
  for (const Segment* segment : parameters_.layout().shared_segments()) {
    const auto values = checkpoint.read(*segment);
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

  // Places by user, so that each range serves the users in it.
  std::vector<std::uint32_t> places(users.size());
  std::iota(places.begin(), places.end(), 0u);
  std::sort(places.begin(), places.end(),
            [&](std::uint32_t a, std::uint32_t b) { return users[a] < users[b]; });
  auto place = places.begin();
  for (const UserRange& range : covering_ranges(users, 256)) {
    gmf_range_.resize(range.size() * factors);
    mlp_range_.resize(range.size() * embedding);
    checkpoint_.read_users(range, gmf_range_, mlp_range_);
    for (; place != places.end() && users[*place] < range.last; ++place) {
      const std::size_t row = users[*place] - range.first;
      std::copy_n(gmf_range_.begin() + static_cast<std::ptrdiff_t>(row * factors), factors,
                  gmf_.begin() + static_cast<std::ptrdiff_t>(*place * factors));
      std::copy_n(mlp_range_.begin() + static_cast<std::ptrdiff_t>(row * embedding), embedding,
                  mlp_.begin() + static_cast<std::ptrdiff_t>(*place * embedding));
    }
  }
  const auto& layout = parameters_.layout();
  if (shape().has_gmf())
    upload(context, std::span<const float>(gmf_), parameters_.weight(layout.user_gmf).data);
  if (shape().has_mlp())
    upload(context, std::span<const float>(mlp_), parameters_.weight(layout.user_mlp).data);
  parameters_.refresh_copies(context, layout.shared);
}

std::vector<UserRange> covering_ranges(std::span<const std::uint32_t> users, std::uint64_t gap) {
  std::vector<std::uint32_t> sorted(users.begin(), users.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<UserRange> ranges;
  for (const std::uint64_t user : sorted) {
    if (ranges.empty() || user >= ranges.back().last + gap)
      ranges.push_back({user, user + 1});
    else
      ranges.back().last = std::max(ranges.back().last, user + 1);
  }
  return ranges;
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class ServedModel<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::serve
