// Numbers of fields are those of onnx.proto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "formats.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/version.hpp"
#include "protobuf.hpp"

namespace neumf::program {
namespace {

constexpr int ir_version = 8, opset = 13;  // of 2022 and 2020: what current runtimes read
constexpr int type_float = 1, type_int64 = 7;
constexpr int attribute_int = 2;

namespace model_proto {
constexpr int ir_version = 1, producer_name = 2, producer_version = 3, graph = 7, opset_import = 8,
              metadata_props = 14;
}
namespace graph_proto {
constexpr int node = 1, name = 2, initializer = 5, input = 11, output = 12;
}

class Graph {
 public:
  Graph() { graph_.bytes(graph_proto::name, "neumf"); }

  void input(const std::string& name) { graph_.message(graph_proto::input, value_info(name, type_int64)); }
  void output(const std::string& name) { graph_.message(graph_proto::output, value_info(name, type_float)); }

  // A constant tensor.
  void constant(const std::string& name, const std::vector<std::uint64_t>& dims, int type,
                std::string_view values) {
    Message tensor;
    for (const std::uint64_t dim : dims) tensor.number(1, dim);
    tensor.number(2, static_cast<std::uint64_t>(type));
    tensor.bytes(8, name);
    tensor.bytes(9, values);
    graph_.message(graph_proto::initializer, tensor);
  }
  void constant(const std::string& name, const std::vector<std::uint64_t>& dims,
                std::span<const float> values) {
    constant(name, dims, type_float, {reinterpret_cast<const char*>(values.data()), values.size_bytes()});
  }

  // An operation with one output, which is called `result`, and perhaps an attribute that is a number.
  const std::string& node(const std::string& operation, const std::vector<std::string>& inputs,
                          const std::string& result, const char* attribute = nullptr,
                          std::uint64_t value = 0) {
    Message node;
    for (const auto& input : inputs) node.bytes(1, input);
    node.bytes(2, result);
    node.bytes(3, result);
    node.bytes(4, operation);
    if (attribute != nullptr)
      node.message(5, Message().bytes(1, attribute).number(3, value).number(20, attribute_int));
    graph_.message(graph_proto::node, node);
    return result_ = result;
  }

  const std::string& text() const { return graph_.text(); }

 private:
  // A value of as many elements as there are pairs.
  static Message value_info(const std::string& name, int type) {
    const Message dim = Message().bytes(2, "pairs");
    const Message tensor =
        Message().number(1, static_cast<std::uint64_t>(type)).message(2, Message().message(1, dim));
    return Message().bytes(1, name).message(2, Message().message(1, tensor));
  }

  Message graph_;
  std::string result_;
};

// Adds an array of the model as a constant of the same name.
void add(Graph& graph, ModelArrays& model, const std::string& name) {
  const ModelArray& array = model.named(name);
  graph.constant(name, array.dims, model.read(array));
}

std::string gmf_branch(Graph& graph, ModelArrays& model) {
  add(graph, model, "user_gmf");
  add(graph, model, "item_gmf");
  graph.node("Gather", {"user_gmf", "user"}, "user_factors");
  graph.node("Gather", {"item_gmf", "item"}, "item_factors");
  return graph.node("Mul", {"user_factors", "item_factors"}, "gmf");
}

std::string mlp_branch(Graph& graph, ModelArrays& model) {
  add(graph, model, "user_mlp");
  add(graph, model, "item_mlp");
  graph.node("Gather", {"user_mlp", "user"}, "user_embedding");
  graph.node("Gather", {"item_mlp", "item"}, "item_embedding");
  std::string last = graph.node("Concat", {"user_embedding", "item_embedding"}, "pair", "axis", 1);
  const auto layer = [&](const std::string& name, const std::string& weight, const std::string& bias) {
    graph.node("Gemm", {last, weight, bias}, name + "_sum", "transB", 1);
    last = graph.node("Relu", {name + "_sum"}, name);
  };
  // Both halves of the first layer, side by side.
  const auto users = model.read(model.named("pair_user")), items = model.read(model.named("pair_item"));
  const auto rows = static_cast<std::size_t>(model.shape().first_hidden());
  const std::size_t cols = users.size() / rows;
  std::vector<float> both;
  for (std::size_t row = 0; row < rows; ++row)
    for (const auto* half : {&users, &items})
      both.insert(both.end(), half->begin() + static_cast<std::ptrdiff_t>(row * cols),
                  half->begin() + static_cast<std::ptrdiff_t>((row + 1) * cols));
  graph.constant("pair_weight", {rows, 2 * cols}, both);
  add(graph, model, "pair_bias");
  layer("layer1", "pair_weight", "pair_bias");
  for (std::size_t i = 1; i + 1 < model.shape().layers.size(); ++i) {
    const std::string weight = fmt::format("hidden{}_weight", i), bias = fmt::format("hidden{}_bias", i);
    add(graph, model, weight);
    add(graph, model, bias);
    layer(fmt::format("layer{}", i + 1), weight, bias);
  }
  return last;
}

Graph graph_of(ModelArrays& model) {
  Graph graph;
  graph.input("user");
  graph.input("item");
  std::vector<std::string> branches;
  std::vector<float> head;
  const auto take = [&](const std::string& branch, const std::string& weights) {
    branches.push_back(branch);
    const auto values = model.read(model.named(weights));
    head.insert(head.end(), values.begin(), values.end());
  };
  if (model.shape().has_gmf()) take(gmf_branch(graph, model), "head_gmf");
  if (model.shape().has_mlp()) take(mlp_branch(graph, model), "head_mlp");
  const std::string joined =
      branches.size() == 1 ? branches[0] : graph.node("Concat", branches, "branches", "axis", 1);
  graph.constant("head_weight", {1, head.size()}, head);
  add(graph, model, "head_bias");
  graph.node("Gemm", {joined, "head_weight", "head_bias"}, "column", "transB", 1);
  constexpr std::int64_t all = -1;
  graph.constant("flat", {1}, type_int64, {reinterpret_cast<const char*>(&all), sizeof all});
  graph.node("Reshape", {"column", "flat"}, "logit");
  graph.output("logit");
  return graph;
}

}  // namespace

void write_onnx(ModelArrays& model, const WriteBytes& write) {
  std::uint64_t bytes = 0;
  for (const auto& array : model.all())
    if (array.name == array.segment.name) bytes += array.bytes();  // not what is computed from others
  constexpr std::uint64_t most = (std::uint64_t{1} << 31) - (1 << 24);
  require(bytes <= most,
          "a model of {} bytes does not fit into an ONNX file, which holds 2 GB: use --format "
          "npz or safetensors",
          bytes);
  const Graph graph = graph_of(model);
  Message onnx;
  onnx.number(model_proto::ir_version, ir_version)
      .bytes(model_proto::producer_name, "neumf")
      .bytes(model_proto::producer_version, version())
      .message(model_proto::opset_import, Message().bytes(1, "").number(2, opset));
  for (const auto& [name, ids] :
       {std::pair("user_ids", &model.user_ids()), std::pair("item_ids", &model.item_ids())})
    onnx.message(model_proto::metadata_props, Message().bytes(1, name).bytes(2, nlohmann::json(*ids).dump()));
  onnx.begin(model_proto::graph, graph.text().size());
  require(onnx.text().size() + graph.text().size() < std::size_t{1} << 31,
          "the model and its ids do not fit into an ONNX file, which holds 2 GB: use --format npz or "
          "safetensors");
  write(onnx.text());
  write(graph.text());
}

}  // namespace neumf::program
