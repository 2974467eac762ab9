#include "neumf/nn/parameters.hpp"

#include <cmath>
#include <type_traits>
#include <utility>

#include "neumf/core/error.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/memory.hpp"

namespace neumf {

namespace {

std::vector<const Segment*> without_empty(std::vector<const Segment*> segments) {
  std::erase_if(segments, [](const Segment* segment) { return segment->empty(); });
  return segments;
}

}  // namespace

Segment ParameterLayout::place(std::string name, std::int64_t rows, std::int64_t cols) {
  Segment segment{std::move(name), rows, cols, total};
  total += (segment.size() + 15) / 16 * 16;  // 64 bytes: whole cache lines and any vector width
  return segment;
}

ParameterLayout::ParameterLayout(const ModelShape& shape, std::int64_t user_rows,
                                 std::optional<std::int64_t> read_items) {
  const auto& layers = shape.layers;
  const auto place_gmf_items = [&](std::int64_t rows) { item_gmf = place("item_gmf", rows, shape.factors); };
  const auto place_mlp_items = [&](std::int64_t rows) {
    item_mlp = place("item_mlp", rows, shape.mlp_embedding());
  };
  head_mlp = place("head_mlp", 1, shape.mlp_out());
  head_bias = place("head_bias", 1, 1);
  for (std::size_t i = 2; i < layers.size(); ++i) {
    hidden_weight.push_back(place(fmt::format("hidden{}_weight", i - 1), layers[i], layers[i - 1]));
    hidden_bias.push_back(place(fmt::format("hidden{}_bias", i - 1), 1, layers[i]));
  }
  bucket_end[0] = layers_end[0] = total;
  head_gmf = place("head_gmf", 1, shape.factors);
  layers_end[1] = total;
  if (!read_items) place_gmf_items(shape.items);
  bucket_end[1] = total;
  pair_user = place("pair_user", shape.first_hidden(), shape.mlp_embedding());
  pair_item = place("pair_item", shape.first_hidden(), shape.mlp_embedding());
  pair_bias = place("pair_bias", 1, shape.first_hidden());
  overflow_slot = place("overflow_slot", 1, 1);
  layers_end[2] = total;
  if (!read_items) place_mlp_items(shape.items);
  bucket_end[2] = shared = total;
  user_gmf = place("user_gmf", user_rows, shape.factors);
  user_mlp = place("user_mlp", user_rows, shape.mlp_embedding());
  moved = total;
  if (!read_items) return;
  place_gmf_items(*read_items);
  place_mlp_items(*read_items);
}

std::vector<const Segment*> ParameterLayout::layer_segments() const {
  std::vector<const Segment*> segments;
  visit_layers([&](const Segment& segment) { segments.push_back(&segment); });
  return without_empty(std::move(segments));
}

std::vector<const Segment*> ParameterLayout::item_segments() const {
  return without_empty({&item_gmf, &item_mlp});
}

std::vector<const Segment*> ParameterLayout::shared_segments() const {
  auto segments = layer_segments();
  for (const Segment* segment : item_segments()) segments.push_back(segment);
  return segments;
}

std::vector<const Segment*> ParameterLayout::user_segments() const {
  return without_empty({&user_gmf, &user_mlp});
}

template <class Device, class T>
Parameters<Device, T>::Parameters(Context<Device>& context, const ModelShape& shape, std::int64_t user_rows,
                                  ParameterUse use, const std::optional<ItemShare>& share)
    : layout_(shape, user_rows, share ? std::optional(share->read_rows) : std::nullopt),
      share_(share),
      weights_(layout_.total),
      gradients_(use == ParameterUse::training ? layout_.total : 0),
      m_(use == ParameterUse::training ? layout_.moved : 0),
      v_(m_.size()),
      copies_(std::is_same_v<T, float> ? 0 : layout_.total) {
  for (auto* tensor : {&weights_, &gradients_, &m_, &v_}) ops::fill_zero(context, tensor->span());
  if (!share_) return;
  kept_mlp_ = (share_->size() * shape.factors + 15) / 16 * 16;
  for (auto& tensor : kept_items_) {
    tensor = Tensor<float, Device>(kept_mlp_ + share_->size() * shape.mlp_embedding());
    ops::fill_zero(context, tensor.span());
    if (use == ParameterUse::inference) break;
  }
}

template <class Device, class T>
Matrix<float> Parameters<Device, T>::kept(ParameterSet set, const Segment& s) {
  if (share_ && (&s == &layout_.item_gmf || &s == &layout_.item_mlp))
    return {kept_items_[static_cast<std::size_t>(set)].data() + (&s == &layout_.item_mlp ? kept_mlp_ : 0),
            share_->size(), s.cols};
  return set == ParameterSet::weights         ? weight(s)
         : set == ParameterSet::first_moments ? first_moment(s)
                                              : second_moment(s);
}

template <class Device, class T>
Matrix<T> Parameters<Device, T>::copy(const Segment& s) {
  return {copies_.empty() ? nullptr : copies_.data() + s.offset, s.rows, s.cols};
}

template <class Device, class T>
Matrix<const T> Parameters<Device, T>::compute(const Segment& s) const {
  if constexpr (std::is_same_v<T, float>)
    return {weights_.data() + s.offset, s.rows, s.cols};
  else
    return {copies_.data() + s.offset, s.rows, s.cols};
}

template <class Device, class T>
std::span<float> Parameters<Device, T>::bucket_gradients(std::size_t bucket) {
  const std::int64_t begin = bucket == 0 ? 0 : layout_.bucket_end[bucket - 1];
  return gradients().subspan(static_cast<std::size_t>(begin),
                             static_cast<std::size_t>(layout_.bucket_end[bucket] - begin));
}

template <class Device, class T>
std::span<float> Parameters<Device, T>::layer_gradients(std::size_t bucket) {
  return bucket_gradients(bucket).first(
      bucket_gradients(bucket).size() -
      static_cast<std::size_t>(layout_.bucket_end[bucket] - layout_.layers_end[bucket]));
}

template <class Device, class T>
void Parameters<Device, T>::initialise(Context<Device>& context, std::uint64_t seed,
                                       std::uint64_t first_user) {
  std::uint32_t number = 0;  // separates the tensors' random sequences
  const auto uniform = [&](const Segment& s, double limit) {
    const ops::InitSpec spec{seed, number++, 0};
    if (!s.empty()) ops::fill_uniform(context, spec, static_cast<float>(limit), weight(s));
  };
  const auto normal = [&](const Segment& s, std::uint64_t first_row) {
    const ops::InitSpec spec{seed, number++, first_row};
    if (!s.empty()) ops::fill_normal(context, spec, 0.01f, kept(ParameterSet::weights, s));
  };
  const double head_in = static_cast<double>(layout_.head_gmf.cols + layout_.head_mlp.cols);
  uniform(layout_.head_gmf, std::sqrt(3.0 / head_in));
  uniform(layout_.head_mlp, std::sqrt(3.0 / head_in));
  uniform(layout_.head_bias, 1.0 / std::sqrt(head_in));
  for (std::size_t i = 0; i < layout_.hidden_weight.size(); ++i) {
    const auto& w = layout_.hidden_weight[i];
    uniform(w, std::sqrt(6.0 / static_cast<double>(w.rows + w.cols)));
    uniform(layout_.hidden_bias[i], 1.0 / std::sqrt(static_cast<double>(w.cols)));
  }
  // The first layer's input is the concatenation of both halves.
  const double pair_in = 2.0 * static_cast<double>(layout_.pair_user.cols);
  const double pair_limit = std::sqrt(6.0 / (pair_in + static_cast<double>(layout_.pair_user.rows)));
  uniform(layout_.pair_user, pair_limit);
  uniform(layout_.pair_item, pair_limit);
  uniform(layout_.pair_bias, 1.0 / std::sqrt(pair_in));
  const auto first_item = static_cast<std::uint64_t>(share_ ? share_->first : 0);
  normal(layout_.item_gmf, first_item);
  normal(layout_.item_mlp, first_item);
  normal(layout_.user_gmf, first_user);
  normal(layout_.user_mlp, first_user);
  refresh_copies(context);
}

template <class Device, class T>
void Parameters<Device, T>::refresh_copies(Context<Device>& context, std::int64_t first) {
  const auto from = static_cast<std::size_t>(first);
  if constexpr (!std::is_same_v<T, float>)
    ops::convert(context, std::span<const float>(weights_.span().subspan(from)),
                 copies_.span().subspan(from));
}

template <class Device, class T>
std::size_t Parameters<Device, T>::bytes() const {
  return weights_.bytes() + gradients_.bytes() + m_.bytes() + v_.bytes() + copies_.bytes() +
         bytes_of<float, Device>(kept_items_);
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class Parameters<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
