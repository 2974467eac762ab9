#include "neumf/checkpoint/weights.hpp"

#include <span>
#include <utility>
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

template <class Device>
void copy_weight(Context<Device>& context, const Matrix<float>& from, const Matrix<float>& to) {
  std::vector<float> host(static_cast<std::size_t>(from.size()));
  download(context, static_cast<const float*>(from.data), std::span<float>(host));
  upload(context, std::span<const float>(host), to.data);
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
                  Parameters<Device, T>& parameters, const WeightRows& rows) {
  if (!is_keras_weights(path)) return load_checkpoint(context, path, parameters, rows);
  if (rows.users.empty()) return;
  const auto range = [](const std::vector<std::uint32_t>& in_order) {
    return in_order.empty() ? UserRange() : UserRange{in_order.front(), in_order.back() + std::uint64_t{1}};
  };
  load_keras_weights(context, path, parameters, range(rows.users), 0, range(rows.items));
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
  joined.layers = part.layers;
  return joined;
}

template <class Device, class T>
void load_pretrained(Context<Device>& context, const WeightSource& gmf, const WeightSource& mlp, double alpha,
                     Parameters<Device, T>& parameters) {
  const auto& to = parameters.layout();
  const auto shape = joined_shape(gmf.path, mlp.path);
  float bias = 0;
  // Takes every weight that the part has, from the part's place to the joined model's.
  const auto take = [&](const WeightSource& weights, ModelKind kind, double share) {
    const auto items = static_cast<std::int64_t>(weights.rows.items.size());
    const auto part = ModelShape::of(kind, shape.users, items, shape.factors, shape.layers);
    Parameters<Device, float> source(context, part, to.user_gmf.rows, ParameterUse::inference);
    // What the part does not know comes back as it is.
    for (const auto& [table, own] : {std::pair(&source.layout().item_gmf, &to.item_gmf),
                                     std::pair(&source.layout().item_mlp, &to.item_mlp),
                                     std::pair(&source.layout().user_gmf, &to.user_gmf),
                                     std::pair(&source.layout().user_mlp, &to.user_mlp)})
      if (!table->empty())
        copy_weight(context, parameters.kept(ParameterSet::weights, *own), source.weight(*table));
    load_weights(context, weights.path, source, weights.rows);
    const auto& from = source.layout();
    const auto copy = [&](const Segment& in, const Segment& out, double factor = 1) {
      if (in.empty()) return;
      const auto host = scaled(context, source, in, factor);
      upload(context, std::span<const float>(host), parameters.kept(ParameterSet::weights, out).data);
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

#define NEUMF_INSTANTIATE(DEVICE, T)                                                                   \
  template void load_weights<DEVICE, T>(Context<DEVICE>&, const std::filesystem::path&,                \
                                        Parameters<DEVICE, T>&, const WeightRows&);                    \
  template void load_pretrained<DEVICE, T>(Context<DEVICE>&, const WeightSource&, const WeightSource&, \
                                           double, Parameters<DEVICE, T>&);
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
