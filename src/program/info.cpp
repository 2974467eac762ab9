// neumf info
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "common_options.hpp"
#include "neumf/checkpoint/files.hpp"
#include "neumf/checkpoint/reader.hpp"
#include "neumf/config/options.hpp"
#include "neumf/core/error.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/data/layout.hpp"

namespace neumf::program {
namespace {

using Json = nlohmann::ordered_json;

struct InfoOptions {
  std::filesystem::path path;
  bool json = false;

  void declare(OptionTable& table) {
    table.section("What to describe");
    table.add("file", path,
              "checkpoint (the master file), or data set (the directory or its dataset.h5); --file may be "
              "left out");
    table.add("json", json, "one JSON object");
    table.add_common();
  }
};

Json options_of(const CheckpointInfo& info) {
  Json object = Json::object();
  for (const auto& [name, value] : settings_of(info.options)) object[name] = value;
  return object;
}

// A few of the original ids.
Json examples(std::vector<std::string> ids) {
  ids.resize(std::min<std::size_t>(ids.size(), 5));
  return ids;
}

std::uint64_t bytes_of(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto bytes = std::filesystem::file_size(path, ignored);
  return ignored ? 0 : bytes;
}

Json describe_checkpoint(const std::filesystem::path& path) {
  const CheckpointReader checkpoint(path);
  const auto& info = checkpoint.info();
  const auto file = hdf5::File::open(path);
  std::uint64_t bytes = bytes_of(path);
  for (int part = 0; part < checkpoint.parts(); ++part) bytes += bytes_of(checkpoint.part_path(part));
  Json json{
      {"kind", "checkpoint"},
      {"path", path.string()},
      {"created_by", file.has_attribute("created_by") ? file.string_attribute("created_by") : "unknown"},
      {"users", info.shape.users},
      {"items", info.shape.items},
      {"factors", info.shape.factors},
      {"layers", info.shape.layers},
      {"parameters", info.shape.parameters()},
      {"epoch", info.epoch}};
  // Of the validation items, where the epoch was chosen by them, and then of the test items.
  const std::string prefix = info.part == HeldOutPart::validation ? "validation_" : "";
  json[fmt::format("{}hr@{}", prefix, info.topk)] = info.hit_rate;
  json[fmt::format("{}ndcg@{}", prefix, info.topk)] = info.ndcg;
  if (info.test) {
    json[fmt::format("test_hr@{}", info.topk)] = info.test->at.front().hit_rate;
    json[fmt::format("test_ndcg@{}", info.topk)] = info.test->at.front().ndcg;
  }
  json["dataset_id"] = info.dataset_id;
  json["parts"] = checkpoint.parts();
  json["bytes"] = bytes;
  json["item_popularity"] = !checkpoint.item_counts().empty();
  json["user_ids"] = examples(checkpoint.user_ids());
  json["item_ids"] = examples(checkpoint.item_ids());
  json["options"] = options_of(info);
  return json;
}

Json describe_dataset(const std::filesystem::path& directory) {
  const Dataset dataset = Dataset::open(directory);
  const auto path = directory / layout::dataset_file;
  const auto file = hdf5::File::open(path);
  const auto text = [&](const char* name) {
    return file.has_attribute(name) ? file.string_attribute(name) : std::string("unknown");
  };
  const char* checksum = file.has_attribute("source_md5") ? "source_md5" : "source_xxh128";  // once MD5
  std::uint64_t bytes = bytes_of(path);
  for (std::size_t shard = 0; shard < dataset.shards(); ++shard)
    bytes += bytes_of(directory / layout::shard_file(shard, dataset.shards()));
  const double cells = static_cast<double>(dataset.users()) * static_cast<double>(dataset.items());
  Json json{
      {"kind", "data set"},
      {"path", directory.string()},
      {"created_by", text("created_by")},
      {"source", dataset.source()},
      {checksum, text(checksum)},
      {"users", dataset.users()},
      {"items", dataset.items()},
      {"training_positives", dataset.positives()},
      {"held_out", dataset.test_held_out()},
      {"validation", dataset.valid_held_out()},
      {"density",
       static_cast<double>(dataset.positives() + dataset.test_held_out() + dataset.valid_held_out()) / cells},
      {"test_negatives_per_user", dataset.valid_negative()},
      {"shards", dataset.shards()},
      {"bytes", bytes},
      {"dataset_id", dataset.id()},
      {"user_ids", examples(dataset.user_ids())},
      {"item_ids", examples(dataset.item_ids())}};
  if (file.has_attribute("options")) json["options"] = file.string_attribute("options");
  return json;
}

Json describe(const std::filesystem::path& path) {
  require(!path.empty(), "name a checkpoint or a data set: neumf info FILE");
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return describe_dataset(path);
  const auto file = hdf5::File::open(path);
  if (file.has_attribute("kind") && file.string_attribute("kind") == checkpoint_files::kind)
    return describe_checkpoint(path);
  if (file.exists(layout::shard_first_user))
    return describe_dataset(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
  require(!file.has_attribute("shard"), "{}: this is a shard of a data set; name its directory",
          path.string());
  require(!(file.has_attribute("generation") && file.has_attribute("first_user")),
          "{}: this is a part of a checkpoint; name the master file, without '.part-'", path.string());
  fail("{}: neither a neumf checkpoint nor a data set of neumf-preprocess", path.string());
}

std::string shown(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.is_boolean() ? (value.get<bool>() ? "yes" : "no") : value.dump();
  std::vector<std::string> words;
  for (const auto& element : value) words.push_back(shown(element));
  return fmt::format("{}", fmt::join(words, " "));
}

std::string table(const Json& object, const std::string& indent = "") {
  std::string text;
  for (const auto& [key, value] : object.items()) {
    const bool ids = key == "user_ids" || key == "item_ids";
    if (value.is_object())
      text += fmt::format("{}{}\n{}", indent, key, table(value, indent + "  "));
    else
      text += fmt::format("{}{:<25}{}{}\n", indent, key, shown(value), ids ? " ..." : "");
  }
  return text;
}

int info(const Arguments& arguments, const Communicator& communicator) {
  InfoOptions o;
  communicator.together([&] {
    // `neumf info FILE` and `neumf info --file FILE`.
    Arguments words;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const bool is_value = i > 0 && (arguments[i - 1] == "--file" || arguments[i - 1] == "--config");
      if (!arguments[i].starts_with('-') && !is_value) words.emplace_back("--file");
      words.push_back(arguments[i]);
    }
    read_options(o, "info", words);
    const Json description = program::describe(o.path);
    if (communicator.is_root()) fmt::print("{}", o.json ? description.dump(2) + "\n" : table(description));
  });
  return EXIT_SUCCESS;
}

}  // namespace

extern const Command info_command{
    "info",
    "what a checkpoint or a data set holds",
    "FILE [--json]",
    "Describes a checkpoint (its master file) or a data set (its directory, or dataset.h5 in it).",
    option_texts<InfoOptions>,
    info};

}  // namespace neumf::program
