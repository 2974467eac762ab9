#include "neumf/checkpoint/keras_weights.hpp"

#include <fmt/ranges.h>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "neumf/core/error.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/nn/instantiate.hpp"

namespace neumf {
namespace {

class KerasFile {
 public:
  explicit KerasFile(const std::filesystem::path& path)
      : file_(hdf5::File::open(path)), root_(file_.exists("/model_weights") ? "/model_weights/" : "/") {}

  bool has(const std::string& layer) const { return file_.exists(root_ + layer); }
  // Full names of a layer's matrix and of its bias.
  std::string weight(const std::string& layer) const {
    return find(layer, {"_W", "_W:0", "/kernel:0", "/embeddings:0"});
  }
  std::string bias(const std::string& layer) const { return find(layer, {"_b", "_b:0", "/bias:0"}); }

  hdf5::Dims matrix_dims(const std::string& name) const {
    auto dims = file_.dims(name);
    require(dims.size() == 2 && dims[0] > 0 && dims[1] > 0, "{}: {} is not a matrix", path(), name);
    return dims;
  }
  // Rows [first, first + rows) of a matrix, or elements of a vector.
  std::vector<float> rows(const std::string& name, std::uint64_t first, std::int64_t rows,
                          std::int64_t cols) const {
    std::vector<float> host(static_cast<std::size_t>(rows * cols));
    file_.read_rows<float>(name, first, std::span<float>(host));
    hdf5::require_finite(file_, name, host);
    return host;
  }
  std::vector<float> matrix(const std::string& name, std::int64_t rows, std::int64_t cols) const {
    check_dims(name, {static_cast<hsize_t>(rows), static_cast<hsize_t>(cols)});
    return this->rows(name, 0, rows, cols);
  }
  std::vector<float> vector(const std::string& name, std::int64_t size) const {
    check_dims(name, {static_cast<hsize_t>(size)});
    return rows(name, 0, size, 1);
  }
  void check_dims(const std::string& name, const hdf5::Dims& want) const {
    const auto dims = file_.dims(name);
    require(dims == want, "{}: {} has the shape [{}], but the other matrices need [{}]", path(), name,
            fmt::join(dims, ", "), fmt::join(want, ", "));
  }
  std::string path() const { return file_.path().string(); }

 private:
  std::string find(const std::string& layer, const std::vector<const char*>& endings) const {
    for (const char* ending : endings) {
      std::string name = fmt::format("{0}{1}/{1}{2}", root_, layer, ending);
      if (file_.exists(name)) return name;
    }
    fail("{}: {}{}/{}{} is missing: not weights of the NCF paper's GMF, MLP or NeuMF", path(), root_, layer,
         layer, endings.front());
  }

  hdf5::File file_;
  std::string root_;
};

// Layers of the embeddings by model.
struct EmbeddingNames {
  const char *gmf_user, *gmf_item, *mlp_user, *mlp_item;
};

EmbeddingNames embedding_names(const KerasFile& file) {
  if (file.has("mf_embedding_user"))
    return {"mf_embedding_user", "mf_embedding_item", "mlp_embedding_user", "mlp_embedding_item"};
  return {"user_embedding", "item_embedding", "user_embedding", "item_embedding"};
}

std::string layer_name(std::size_t number) {
  return fmt::format("layer{}", number);
}

ModelShape shape_of(const KerasFile& file) {
  const auto names = embedding_names(file);
  const bool fused = names.gmf_user != std::string(names.mlp_user), mlp = fused || file.has("layer1");
  ModelShape shape{0, 0, 0, {}};
  // Number of rows and width of a pair of tables.
  const auto read_tables = [&](const char* user, const char* item) {
    const auto users = file.matrix_dims(file.weight(user)), items = file.matrix_dims(file.weight(item));
    file.check_dims(file.weight(item), {items[0], users[1]});
    require(shape.users == 0 || (shape.users == static_cast<std::int64_t>(users[0]) &&
                                 shape.items == static_cast<std::int64_t>(items[0])),
            "{}: the embeddings are of {} and {} users, {} and {} items", file.path(), shape.users, users[0],
            shape.items, items[0]);
    shape.users = static_cast<std::int64_t>(users[0]);
    shape.items = static_cast<std::int64_t>(items[0]);
    return static_cast<std::int64_t>(users[1]);
  };
  if (fused || !mlp) shape.factors = read_tables(names.gmf_user, names.gmf_item);
  if (mlp) {
    shape.layers.push_back(2 * read_tables(names.mlp_user, names.mlp_item));
    for (std::size_t i = 1; i == 1 || file.has(layer_name(i)); ++i)
      shape.layers.push_back(static_cast<std::int64_t>(file.matrix_dims(file.weight(layer_name(i)))[1]));
  }
  try {
    shape.validate();
  } catch (const Error& error) {
    fail("{}: {}", file.path(), error.what());
  }
  return shape;
}

// [rows, cols] to [cols, rows].
std::vector<float> transposed(std::span<const float> in, std::int64_t rows, std::int64_t cols) {
  std::vector<float> out(in.size());
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c)
      out[static_cast<std::size_t>(c * rows + r)] = in[static_cast<std::size_t>(r * cols + c)];
  return out;
}

}  // namespace

bool is_keras_weights(const std::filesystem::path& path) {
  try {
    const KerasFile file(path);
    return file.has("prediction") || file.has("user_embedding") || file.has("mf_embedding_user");
  } catch (const Error&) {
    return false;
  }
}

ModelShape read_keras_shape(const std::filesystem::path& path) {
  return shape_of(KerasFile(path));
}

template <class Device, class T>
void load_keras_weights(Context<Device>& context, const std::filesystem::path& path,
                        Parameters<Device, T>& parameters, const UserRange& users, std::int64_t first_row,
                        const std::optional<UserRange>& items) {
  const KerasFile file(path);
  const auto names = embedding_names(file);
  const auto& layout = parameters.layout();
  const auto set = [&](const Segment& segment, std::span<const float> host, std::int64_t row = 0) {
    upload(context, host, parameters.kept(ParameterSet::weights, segment).row(row));
  };
  const auto set_tables = [&](const char* user, const char* item, const Segment& user_table,
                              const Segment& item_table) {
    if (item_table.empty()) return;
    if (items)
      set(item_table, file.rows(file.weight(item), items->first, static_cast<std::int64_t>(items->size()),
                                item_table.cols));
    else
      set(item_table, file.matrix(file.weight(item), item_table.rows, item_table.cols));
    set(user_table,
        file.rows(file.weight(user), users.first, static_cast<std::int64_t>(users.size()), user_table.cols),
        first_row);
  };
  set_tables(names.gmf_user, names.gmf_item, layout.user_gmf, layout.item_gmf);
  set_tables(names.mlp_user, names.mlp_item, layout.user_mlp, layout.item_mlp);

  // The first layer's rows belong to the user's and then to the item's embedding.
  if (const auto& pair = layout.pair_user; !pair.empty()) {
    const auto first = file.matrix(file.weight(layer_name(1)), 2 * pair.cols, pair.rows);
    const auto half = std::span(first).first(first.size() / 2);
    set(layout.pair_user, transposed(half, pair.cols, pair.rows));
    set(layout.pair_item, transposed(std::span(first).subspan(half.size()), pair.cols, pair.rows));
    set(layout.pair_bias, file.vector(file.bias(layer_name(1)), pair.rows));
  }
  for (std::size_t i = 0; i < layout.hidden_weight.size(); ++i) {
    const auto& weight = layout.hidden_weight[i];
    set(weight, transposed(file.matrix(file.weight(layer_name(i + 2)), weight.cols, weight.rows), weight.cols,
                           weight.rows));
    set(layout.hidden_bias[i], file.vector(file.bias(layer_name(i + 2)), weight.rows));
  }
  const std::int64_t gmf = layout.head_gmf.cols, mlp = layout.head_mlp.cols;
  const auto head = file.matrix(file.weight("prediction"), gmf + mlp, 1);
  if (gmf > 0) set(layout.head_gmf, std::span(head).first(static_cast<std::size_t>(gmf)));
  if (mlp > 0) set(layout.head_mlp, std::span(head).subspan(static_cast<std::size_t>(gmf)));
  set(layout.head_bias, file.vector(file.bias("prediction"), 1));
  parameters.refresh_copies(context);
}

#define NEUMF_INSTANTIATE(DEVICE, T)                                                                  \
  template void load_keras_weights<DEVICE, T>(Context<DEVICE>&, const std::filesystem::path&,         \
                                              Parameters<DEVICE, T>&, const UserRange&, std::int64_t, \
                                              const std::optional<UserRange>&);
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
