// neumf export
#include <optional>

#include "command.hpp"
#include "common_options.hpp"
#include "export/formats.hpp"
#include "neumf/core/error.hpp"
#include "neumf/serve/output_file.hpp"

namespace neumf::program {
namespace {

struct ExportOptions {
  std::filesystem::path checkpoint;
  std::string output;
  std::optional<ExportFormat> format;

  void declare(OptionTable& table) {
    // clang-format off
    table.section("What to write");
    table.add("load_checkpoint_path", checkpoint, "checkpoint of the model", {.required = "name a checkpoint and a file: neumf export MODEL FILE"});
    table.add("output", output, "file, which appears when it is complete; - for standard output", {.value = "PATH", .required = "name a file to write: neumf export MODEL FILE"});
    table.add("format", format, "npz, safetensors or onnx (default: as the file's name ends)");
    // clang-format on
    table.add_common();
  }
};

// Words that are no options, and no options' values, name the model and then the file.
Arguments named(const Arguments& arguments) {
  Arguments words;
  std::vector<const char*> places{"--output", "--load_checkpoint_path"};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const bool is_option = arguments[i].starts_with('-') && arguments[i] != "-";
    words.push_back(arguments[i]);
    if (is_option) {
      const bool value_follows =
          arguments[i].find('=') == std::string::npos && arguments[i] != "--help" && arguments[i] != "-h";
      if (value_follows && ++i < arguments.size()) words.push_back(arguments[i]);
      continue;
    }
    require(!places.empty(), "neumf export MODEL FILE: '{}' is one name too many", arguments[i]);
    words.insert(words.end() - 1, places.back());
    places.pop_back();
  }
  return words;
}

ExportFormat format_of(const ExportOptions& o) {
  if (o.format) return *o.format;
  const std::string ending = std::filesystem::path(o.output).extension();
  for (const auto& [name, format] : value_names(ExportFormat()))
    if (ending == fmt::format(".{}", name)) return format;
  fail("{}: its name does not end in .npz, .safetensors or .onnx: name the format with --format", o.output);
}

int export_model(const Arguments& arguments, const Communicator& communicator) {
  communicator.together([&] {
    ExportOptions o;
    read_options(o, "export", named(arguments));
    const ExportFormat format = format_of(o);
    if (!communicator.is_root()) return;
    CheckpointReader checkpoint(o.checkpoint);
    ModelArrays model(checkpoint);
    serve::OutputFile file(o.output);
    const WriteBytes write = [&](std::string_view bytes) { file.write(bytes); };
    switch (format) {
      case ExportFormat::npz:
        write_npz(model, write);
        break;
      case ExportFormat::safetensors:
        write_safetensors(model, write);
        break;
      case ExportFormat::onnx:
        write_onnx(model, write);
        break;
    }
    file.publish();
  });
  return EXIT_SUCCESS;
}

}  // namespace

extern const Command export_command{
    "export",
    "a model as numpy, safetensors or ONNX",
    "[--format npz|safetensors|onnx] MODEL FILE",
    "Writes a checkpoint's weights with the original ids. npz and safetensors hold the matrices of the "
    "checkpoint by their names, user_ids and item_ids (in safetensors as rows of UTF-8 bytes), and "
    "gmf_item_vectors: the inner product of one with a row of user_gmf is the logit of a GMF model but for "
    "head_bias, so an index of inner products such as FAISS reads both as they are. ONNX is a graph from "
    "user and "
    "item (rows, int64) to logit; the ids are JSON lists in its metadata.\n"
    "\n"
    "  neumf export runs/a/best.h5 model.npz\n"
    "  neumf export --format onnx runs/a/best.h5 model.onnx\n",
    option_texts<ExportOptions>,
    export_model};

}  // namespace neumf::program
