#include "neumf/checkpoint/weights.hpp"

#include <span>
#include <vector>

#include "neumf/checkpoint/keras_weights.hpp"
#include "neumf/core/error.hpp"
#include "neumf/nn/instantiate.hpp"

namespace neumf {
namespace {

// A weight of `from`, times `factor`.
template <class Device>
std::vector<float> scaled(Context<Device>& context, Parameters<Device, float>& from, const Segment& segment,
                          double factor) {
  std::vector<float> host(static_cast<std::size_t>(segment.size()));
  download(context, static_cast<const float*>(from.weight(segment).data), std::span<float>(host));
  if (factor != 1)
    for (float& value : host) value = static_cast<float>(factor * value);
  return host;
}

}  // namespace

CheckpointInfo read_weights_info(const std::filesystem::path& path) {
  if (!is_keras_weights(path)) return read_checkpoint_info(path);
  CheckpointInfo info;
  info.shape = read_keras_shape(path);
  return info;
}

template <class Device, class T>
void load_weights(Context<Device>& context, const std::filesystem::path& path,
                  Parameters<Device, T>& parameters, const UserRange& users, std::int64_t first_row) {
  if (is_keras_weights(path))
    load_keras_weights(context, path, parameters, users, first_row);
  else
    load_checkpoint(context, path, parameters, users, first_row);
}

ModelShape joined_shape(const std::filesystem::path& gmf, const std::filesystem::path& mlp) {
  const auto shape_of = [](const std::filesystem::path& path, ModelKind kind) {
    auto shape = read_weights_info(path).shape;
    require(shape.kind() == kind, "{}: holds a model of kind {}, but --pretrained_{} needs one of kind {}",
            path.string(), name_of(shape.kind()), name_of(kind), name_of(kind));
    return shape;
  };
  auto joined = shape_of(gmf, ModelKind::gmf);
  const auto part = shape_of(mlp, ModelKind::mlp);
  require(joined.users == part.users && joined.items == part.items,
          "{} has {} users and {} items, but {} has {} and {}: train both on one data set", gmf.string(),
          joined.users, joined.items, mlp.string(), part.users, part.items);
  joined.layers = part.layers;
  return joined;
}

template <class Device, class T>
void load_pretrained(Context<Device>& context, const std::filesystem::path& gmf,
                     const std::filesystem::path& mlp, double alpha, Parameters<Device, T>& parameters,
                     const UserRange& users, std::int64_t first_row) {
  const auto& to = parameters.layout();
  const auto shape = joined_shape(gmf, mlp);
  float bias = 0;
  // Takes every weight that the part has, from the part's place to the joined model's.
  const auto take = [&](const std::filesystem::path& path, ModelKind kind, double share) {
    const auto part = ModelShape::of(kind, shape.users, shape.items, shape.factors, shape.layers);
    Parameters<Device, float> source(context, part, to.user_gmf.rows);
    load_weights(context, path, source, users, first_row);
    const auto& from = source.layout();
    const auto copy = [&](const Segment& in, const Segment& out, double factor = 1) {
      if (in.empty()) return;
      const auto host = scaled(context, source, in, factor);
      upload(context, std::span<const float>(host), parameters.weight(out).data);
    };
    copy(from.item_gmf, to.item_gmf);
    copy(from.user_gmf, to.user_gmf);
    copy(from.item_mlp, to.item_mlp);
    copy(from.user_mlp, to.user_mlp);
    copy(from.pair_user, to.pair_user);
    copy(from.pair_item, to.pair_item);
    copy(from.pair_bias, to.pair_bias);
    for (std::size_t i = 0; i < from.hidden_weight.size(); ++i) {
      copy(from.hidden_weight[i], to.hidden_weight[i]);
      copy(from.hidden_bias[i], to.hidden_bias[i]);
    }
    copy(from.head_gmf, to.head_gmf, share);
    copy(from.head_mlp, to.head_mlp, share);
    bias += scaled(context, source, from.head_bias, share).front();
  };
  take(gmf, ModelKind::gmf, alpha);
  take(mlp, ModelKind::mlp, 1 - alpha);
  upload(context, std::span<const float>(&bias, 1), parameters.weight(to.head_bias).data);
  parameters.refresh_copies(context);
}

#define NEUMF_INSTANTIATE(DEVICE, T)                                                                     \
  template void load_weights<DEVICE, T>(Context<DEVICE>&, const std::filesystem::path&,                  \
                                        Parameters<DEVICE, T>&, const UserRange&, std::int64_t);         \
  template void load_pretrained<DEVICE, T>(Context<DEVICE>&, const std::filesystem::path&,               \
                                           const std::filesystem::path&, double, Parameters<DEVICE, T>&, \
                                           const UserRange&, std::int64_t);
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
