// The formats of `neumf export`, each a function that hands over the file's bytes from begin to end.
#pragma once

#include <functional>
#include <string_view>

#include "model_arrays.hpp"
#include "neumf/core/value_names.hpp"

namespace neumf::program {

enum class ExportFormat { npz, safetensors, onnx };
constexpr auto value_names(ExportFormat) {
  return std::to_array<NamedValue<ExportFormat>>(
      {{"npz", ExportFormat::npz}, {"safetensors", ExportFormat::safetensors}, {"onnx", ExportFormat::onnx}});
}

using WriteBytes = std::function<void(std::string_view)>;

// numpy's archive: a .npy file for each array; user_ids and item_ids are arrays of text.
void write_npz(ModelArrays& model, const WriteBytes& write);

// https://huggingface.co/docs/safetensors: no pickle and no text; user_ids and item_ids are U8 tensors
// [n, longest], UTF-8 filled up with zeros.
void write_safetensors(ModelArrays& model, const WriteBytes& write);

// https://onnx.ai: a graph from `user` and `item` (int64 [pairs], rows) to `logit` (float [pairs]). Ids are
// JSON lists in the metadata user_ids and item_ids. Throws Error where the model is larger than 2 GB, which
// the format cannot hold.
void write_onnx(ModelArrays& model, const WriteBytes& write);

}  // namespace neumf::program
