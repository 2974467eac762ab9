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
  std::error_code ignored;
  const bool is_file = communicator.is_root() &&
                       (words == "-" || (words != "all" && std::filesystem::is_regular_file(words, ignored)));
  source.is_file = communicator.max<std::int32_t>(is_file) != 0;
  if (source.is_file) source.text = read_shared_text(option, words, communicator);
  return source;
}

std::string read_shared_text(const std::string& option, const std::string& path,
                             const Communicator& communicator) {
  std::string text;
  communicator.together([&] {
    if (!communicator.is_root()) return;
    text = path == "-" ? std::string(std::istreambuf_iterator<char>(std::cin), {}) : file_text(option, path);
  });
  return communicator.broadcast(std::move(text));
}

void HistoryOption::declare(OptionTable& table, const char* without_it) {
  table.add("history", path,
            fmt::format("file with a line 'user,item' for each item that a user has (original ids), - for "
                        "standard input: users are fitted to it, and need not be known to the model; without "
                        "it users are {}",
                        without_it),
            {.value = "PATH"});
  table.check([this] {
    if (path == "-") require_standard_input(find_launchers(), "--history");
  });
}

std::unique_ptr<serve::History> HistoryOption::read(const IdIndex& catalogue,
                                                    const Communicator& communicator,
                                                    std::vector<std::string>& notes) const {
  if (!given()) return nullptr;
  const std::string text = read_shared_text("--history", path, communicator);
  std::unique_ptr<serve::History> history;
  communicator.together([&] { history = std::make_unique<serve::History>(text, name(), catalogue); });
  note_unknown(notes, "--history", history->unknown_items(), history->first_unknown_item());
  return history;
}

void report_fit(const Communicator& communicator, std::size_t users, double seconds) {
  const auto all = communicator.sum<std::uint64_t>(users);
  const double longest = communicator.max(seconds);
  if (communicator.is_root() && all > 0)
    fmt::print(stderr, "fitted {} users to their history in {:.3f} s ({:.4g} users/s)\n", all, longest,
               static_cast<double>(all) / longest);
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

void print_notes(const std::vector<std::string>& notes) {
  for (const auto& note : notes) fmt::print(stderr, "{}\n", note);
}

}  // namespace neumf::program
