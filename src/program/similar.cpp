// neumf similar
#include "neumf/serve/similar_items.hpp"

#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "command.hpp"
#include "common_options.hpp"
#include "id_lists.hpp"
#include "neumf/comm/launcher.hpp"
#include "neumf/core/csv.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/stopwatch.hpp"
#include "neumf/serve/item_names.hpp"
#include "neumf/serve/output_file.hpp"
#include "neumf/serve/recommendation_writer.hpp"
#include "neumf/serve/requests.hpp"
#include "neumf/serve/text.hpp"

namespace neumf::program {
namespace {

constexpr std::size_t items_at_once = 64;  // the same on any number of ranks, and so are the bits

struct SimilarOptions {
  ListRequest request;
  std::filesystem::path item_names;
  std::string output;
  serve::Embedding embedding = serve::Embedding::both;
  serve::OutputFormat format = serve::OutputFormat::csv;
  int threads = 0;
  ItemListOptions lists;

  void declare(OptionTable& table) {
    // clang-format off
    request.declare(table, "What to look for", "items", "similar items for each item");
    table.add("embedding", embedding, "whose cosine counts: gmf, mlp, or both, one after the other");
    lists.declare(table);
    table.section("Machine");
    table.add("threads", threads, "CPU threads per rank; 0: the cores that the rank may use", {.range = at_least(0).at_most(4096)});
    table.section("Output");
    table.add("output", output, "file, which appears when it is complete; without it, or -, standard output", {.value = "PATH"});
    table.add("format", format, "csv or jsonl", {.among = {"csv", "jsonl"}});
    table.add("item_names", item_names, "titles, as for neumf recommend");
    // clang-format on
    table.add_common();
  }
};

serve::IdList item_list(const SimilarOptions& o, const IdSource& source, const IdIndex& catalogue) {
  if (o.request.ids == "all") return serve::all_ids(catalogue);
  auto list = source.is_file ? serve::read_items(source.text, catalogue)
                             : serve::listed_ids("--items", o.request.ids, catalogue);
  require(list.unknown == 0, "{}: {} of {} items are unknown to the checkpoint, beginning with {}{}",
          o.request.ids == "-" ? "standard input" : "--items " + o.request.ids, list.unknown, list.ids.size(),
          list.first_unknown, source.is_file ? "" : " (and there is no file of this name)");
  return list;
}

// What a list of similar items looks like.
class Writer {
 public:
  Writer(const SimilarOptions& o, const IdIndex& catalogue)
      : file_(o.output), csv_(o.format == serve::OutputFormat::csv), catalogue_(catalogue) {
    if (!o.item_names.empty()) titles_ = serve::read_item_names(o.item_names, catalogue);
    if (csv_)
      file_.write(titles_.empty() ? "item_id,rank,similar_item_id,cosine\n"
                                  : "item_id,rank,similar_item_id,cosine,title\n");
  }

  void write(std::span<const std::uint32_t> items, const serve::Ranking& ranking, std::size_t topk) {
    std::string text;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!csv_) text += fmt::format(R"({{"item": {}, "similar": [)", json(catalogue_.ids()[items[i]]));
      for (std::size_t place = 0; place < topk; ++place) {
        const std::uint32_t item = ranking.items[i * topk + place];
        if (item == ops::no_item) break;
        add(text, items[i], place, item, ranking.scores[i * topk + place]);
      }
      if (!csv_) text += "]}\n";
    }
    file_.write(text);
  }
  void publish() { file_.publish(); }

 private:
  static std::string json(const std::string& text) { return nlohmann::json(text).dump(); }

  void add(std::string& text, std::uint32_t of, std::size_t place, std::uint32_t item, float cosine) const {
    auto out = std::back_inserter(text);
    const auto& id = catalogue_.ids()[item];
    if (csv_) {
      fmt::format_to(out, "{},{},{},{}", csv_field(catalogue_.ids()[of]), place + 1, csv_field(id), cosine);
      if (!titles_.empty()) fmt::format_to(out, ",{}", csv_field(titles_[item]));
      text += '\n';
      return;
    }
    fmt::format_to(out, R"({}{{"item": {}, "cosine": {})", place > 0 ? ", " : "", json(id), cosine);
    if (!titles_.empty() && !titles_[item].empty())
      fmt::format_to(out, R"(, "title": {})", json(titles_[item]));
    text += '}';
  }

  serve::OutputFile file_;
  bool csv_;
  const IdIndex& catalogue_;
  std::vector<std::string> titles_;  // or none
};

std::vector<std::uint32_t> candidates(const SimilarOptions& o, const IdIndex& catalogue,
                                      std::vector<std::string>& notes) {
  std::vector<std::uint32_t> rows;
  if (!o.lists.given()) return rows;
  serve::AllFilters filters;
  o.lists.add_to(filters, catalogue, notes);
  for (std::uint32_t item = 0; item < catalogue.ids().size(); ++item)
    if (filters.allows(item)) rows.push_back(item);
  require(!rows.empty(), "no item may be found: --allow_items and --deny_items leave none of {}",
          catalogue.ids().size());
  return rows;
}

int similar(const Arguments& arguments, const Communicator& communicator) {
  SimilarOptions o;
  std::optional<CheckpointReader> checkpoint;
  std::optional<IdIndex> catalogue;
  communicator.together([&] {
    read_options(o, "similar", arguments);
    require_output(o.output);
    checkpoint.emplace(o.request.checkpoint);
    catalogue.emplace(checkpoint->item_ids());
  });
  const IdSource source = read_id_source("--items", o.request.ids, communicator);
  const Stopwatch time;
  serve::IdList wanted;
  std::vector<std::string> notes;
  std::optional<serve::SimilarItems> similar;
  std::optional<Writer> writer;  // on rank 0
  communicator.together([&] {
    wanted = item_list(o, source, *catalogue);
    similar.emplace(*checkpoint, o.embedding, candidates(o, *catalogue, notes));
    if (communicator.is_root()) writer.emplace(o, *catalogue);
  });
  Context<Cpu> context(o.threads > 0 ? o.threads : threads_for_rank(communicator));
  const auto topk = std::min<std::size_t>(static_cast<std::size_t>(o.request.topk), catalogue->ids().size());
  const auto ranks = static_cast<std::size_t>(communicator.size());
  // Ranks take blocks in turn.
  const auto block = [&](std::size_t round, std::size_t rank) {
    const std::size_t first = std::min(wanted.rows.size(), (round * ranks + rank) * items_at_once);
    return std::span(wanted.rows).subspan(first, std::min(items_at_once, wanted.rows.size() - first));
  };
  for (std::size_t round = 0; !block(round, 0).empty(); ++round) {
    serve::Ranking ranking;
    communicator.together([&] {
      ranking = similar->nearest(context, block(round, static_cast<std::size_t>(communicator.rank())),
                                 static_cast<std::int64_t>(topk));
    });
    if (!communicator.is_root()) {
      communicator.send(std::as_bytes(std::span(ranking.items)), 0);
      communicator.send(std::as_bytes(std::span(ranking.scores)), 0);
    }
    communicator.together([&] {
      std::exception_ptr failure;  // rank 0 goes on receiving: the others are sending
      for (std::size_t rank = 0; communicator.is_root() && rank < ranks; ++rank) {
        if (rank > 0) {
          ranking.items.resize(block(round, rank).size() * topk);
          ranking.scores.resize(ranking.items.size());
          communicator.receive(std::as_writable_bytes(std::span(ranking.items)), static_cast<int>(rank));
          communicator.receive(std::as_writable_bytes(std::span(ranking.scores)), static_cast<int>(rank));
        }
        try {
          if (!failure) writer->write(block(round, rank), ranking, topk);
        } catch (...) {
          failure = std::current_exception();
        }
      }
      if (failure) std::rethrow_exception(failure);
    });
  }
  communicator.together([&] {
    if (!communicator.is_root()) return;
    writer->publish();
    fmt::print(stderr, "similar items of {} items in {:.3f} s\n", wanted.rows.size(), time.seconds());
    print_notes(notes);
  });
  return EXIT_SUCCESS;
}

}  // namespace

extern const Command similar_command{
    "similar",
    "the items that are most like given ones, from a checkpoint alone",
    "--load_checkpoint_path FILE [--items FILE|all|ID,ID] [options]",
    "Writes for each item the items whose embeddings point into the most similar direction (cosine, at most "
    "1), "
    "with original ids, never the item itself. Of equal cosines the item that comes first in the catalogue "
    "is "
    "ranked first. Computes on CPUs; under mpirun ranks share the items.\n"
    "\n"
    "  neumf similar --load_checkpoint_path runs/a/best.h5 --items 318,50 --item_names movies.csv\n",
    option_texts<SimilarOptions>,
    similar};

}  // namespace neumf::program
