#include "id_lists.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include "neumf/comm/launcher.hpp"
#include "neumf/core/error.hpp"

namespace neumf::program {
namespace {

std::string file_text(const std::string& option, const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::error_code ignored;
  require(file.good() && !std::filesystem::is_directory(path, ignored), "{} {}: cannot read this file",
          option, path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

void ListRequest::declare(OptionTable& table, const char* title, const char* ids_option,
                          const char* topk_help) {
  table.section(title);
  table.add("load_checkpoint_path", checkpoint, "checkpoint of the model; no data set is needed",
            {.required = "name the checkpoint of the model"});
  table.add(ids_option, ids,
            "all; or a file with an id per line, - for standard input; or ids: 7,12,x9 (original ids)");
  table.add("topk,k", topk, topk_help, {.range = at_least(1)});
  table.check([this, option = fmt::format("--{}", ids_option)] {
    if (ids == "-") require_standard_input(find_launchers(), option);
  });
}

IdSource read_id_source(const std::string& option, const std::string& words,
                        const Communicator& communicator) {
  IdSource source;
  communicator.together([&] {
    if (!communicator.is_root()) return;
    std::error_code ignored;
    if (words == "-")
      source = {true, {std::istreambuf_iterator<char>(std::cin), {}}};
    else if (words != "all" && std::filesystem::is_regular_file(words, ignored))
      source = {true, file_text(option, words)};
  });
  source.is_file = communicator.max<std::int32_t>(source.is_file) != 0;
  if (source.is_file) source.text = communicator.broadcast(std::move(source.text));
  return source;
}

void ItemListOptions::declare(OptionTable& table) {
  table.add("allow_items", allow, "file with an id per line: only these items are recommended");
  table.add("deny_items", deny, "file with an id per line: these items are not recommended");
}

void ItemListOptions::add_to(serve::AllFilters& filters, const IdIndex& catalogue,
                             std::vector<std::string>& notes) const {
  using Meaning = serve::ListedItems::Meaning;
  const auto add = [&](const std::string& option, const std::filesystem::path& path, Meaning meaning) {
    if (path.empty()) return;
    auto filter = std::make_unique<serve::ListedItems>(meaning, file_text(option, path),
                                                       option + " " + path.string(), catalogue);
    note_unknown(notes, option, filter->unknown(), filter->first_unknown());
    filters.add(std::move(filter));
  };
  add("--allow_items", allow, Meaning::allowed);
  add("--deny_items", deny, Meaning::denied);
}

void note_unknown(std::vector<std::string>& notes, const std::string& option, std::size_t unknown,
                  const std::string& first) {
  if (unknown > 0)
    notes.push_back(fmt::format("note: {} items of {} are unknown to the checkpoint, beginning with {}",
                                unknown, option, first));
}

}  // namespace neumf::program
