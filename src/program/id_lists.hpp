// Ids that people give: on the command line, in a file or on standard input.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "neumf/comm/communicator.hpp"
#include "neumf/config/option_table.hpp"
#include "neumf/data/id_index.hpp"
#include "neumf/serve/history.hpp"
#include "neumf/serve/item_filter.hpp"

namespace neumf::program {

// What a command is asked that lists the best items for each of some ids.
struct ListRequest {
  std::filesystem::path checkpoint;
  std::string ids = "all";
  int topk = 10;

  // The section `title`, which begins with --load_checkpoint_path, --`ids_option` and --topk; `topk_help` is
  // what help says of the last. Ids from standard input are an error where a launcher loses it.
  void declare(OptionTable& table, const char* title, const char* ids_option, const char* topk_help);
};

// What an option such as --users names, as text that every rank can parse.
struct IdSource {
  bool is_file = false;  // or standard input
  std::string text;      // its content; nothing for ids on the command line and "all"
};

// `words`: the option's value. Rank 0 reads, all ranks know. Collective.
IdSource read_id_source(const std::string& option, const std::string& words,
                        const Communicator& communicator);

// The text of the file that an option names, - for standard input. Rank 0 reads, all ranks know. Collective.
std::string read_shared_text(const std::string& option, const std::string& path,
                             const Communicator& communicator);

// --history
struct HistoryOption {
  std::string path;

  // `without_it`: where users come from then.
  void declare(OptionTable& table, const char* without_it);
  bool given() const { return !path.empty(); }
  // For messages: "--history new.csv".
  std::string name() const { return path == "-" ? "standard input" : "--history " + path; }
  // Null where it is not given; `notes` gets what is to be said of it. Collective.
  std::unique_ptr<serve::History> read(const IdIndex& catalogue, const Communicator& communicator,
                                       std::vector<std::string>& notes) const;
};

// --allow_items and --deny_items.
struct ItemListOptions {
  std::filesystem::path allow, deny;

  void declare(OptionTable& table);
  bool given() const { return !allow.empty() || !deny.empty(); }
  // Adds their filters, and to `notes` what is to be said of them. Throws Error naming the file.
  void add_to(serve::AllFilters& filters, const IdIndex& catalogue, std::vector<std::string>& notes) const;
};

// "note: 3 items of --deny_items are unknown to the checkpoint, beginning with ..."; nothing where there are
// none.
void note_unknown(std::vector<std::string>& notes, const std::string& option, std::size_t unknown,
                  const std::string& first);
// To standard error, a line each.
void print_notes(const std::vector<std::string>& notes);

// "fitted 604 users to their history in 0.2 s (3020 users/s)", of all ranks; nothing on other ranks than 0.
// Collective.
void report_fit(const Communicator& communicator, std::size_t users, double seconds);

}  // namespace neumf::program
