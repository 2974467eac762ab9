#include "ratings.hpp"

#include <deque>
#include <future>
#include <optional>

#include "block_reader.hpp"
#include "netflix.hpp"
#include "neumf/core/error.hpp"
#include "ratings_parser.hpp"
#include "reading_report.hpp"

namespace neumf::preprocess {
namespace {

std::uint32_t dense_id(IdMap& map, const RawId& id, const ParsedBlock& block) {
  return id.is_text ? map.add(block.texts[static_cast<std::size_t>(id.number)]) : map.add(id.number);
}

// Takes the parsed blocks in file order, so ids and errors do not depend on threads.
class Collector {
 public:
  Collector(Ratings& ratings, ReadingReport& report) : ratings_(ratings), report_(report) {}

  void begin_file(const std::string& name) {
    file_ = name;
    lines_ = 0;
  }

  void take(const ParsedBlock& block) {
    if (block.bad)
      fail("{}:{}: cannot read this line: {}: '{}'", file_, lines_ + block.bad->line + 1, block.bad->reason,
           block.bad->content);
    report_.take(block, file_, lines_);
    lines_ += block.lines;
    std::vector<Rating>& rows = ratings_.blocks.emplace_back();
    rows.reserve(block.rows.size());
    std::vector<std::uint64_t>& user_rows = ratings_.user_rows;
    for (const auto& row : block.rows) {
      const Rating rating{row.time.seconds, row.time.nanoseconds, dense_id(ratings_.users, row.user, block),
                          dense_id(ratings_.items, row.item, block)};
      if (rating.user == user_rows.size()) user_rows.push_back(0);
      ++user_rows[rating.user];
      rows.push_back(rating);
    }
    ratings_.rows += rows.size();
  }

 private:
  Ratings& ratings_;
  ReadingReport& report_;
  std::string file_;
  std::uint64_t lines_ = 0;
};

void read_stream(InputStream& stream, BlockReader& reader, const RatingsFormat& format, std::size_t threads,
                 Collector& collector, Progress& progress) {
  reader.set_separator(format.separator);
  if (format.name == FormatName::netflix) reader.set_cut(whole_movies);
  collector.begin_file(stream.name());
  std::deque<std::future<ParsedBlock>> parsing;
  const auto take_oldest = [&] {
    const ParsedBlock block = parsing.front().get();
    parsing.pop_front();
    collector.take(block);
  };
  // This thread reads and collects while others parse; the queue bounds memory.
  const auto policy = threads > 1 ? std::launch::async : std::launch::deferred;
  bool skip_header = format.has_header;
  for (std::string text = reader.next(); !text.empty(); text = reader.next()) {
    parsing.push_back(std::async(policy, parse_block, std::move(text), std::cref(format), skip_header));
    skip_header = false;
    if (parsing.size() >= 2 * threads) take_oldest();
    progress.update(stream.position());
  }
  while (!parsing.empty()) take_oldest();
}

std::uint64_t size_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;  // a pipe has none
}

}  // namespace

Ratings load_ratings(const std::vector<std::filesystem::path>& inputs, const ReadOptions& options,
                     std::size_t threads, Progress& progress) {
  Ratings ratings;
  ReadingReport report;
  Collector collector(ratings, report);
  std::optional<RatingsFormat> first;
  std::string first_header, name;
  for (const auto& input : inputs) {
    progress.stage("reading", size_of(input));
    std::string digest;
    for (const auto& stream : open_input(input, archive_members(options))) {
      BlockReader reader(*stream);
      const std::string file = stream->name();
      const RatingsFormat format =
          first ? format_of_part(*first, first_header, options, reader.beginning(), reader.holds_all(), file)
                : detect_format(options, reader.beginning(), reader.holds_all(), file);
      if (!first) {
        first = format;
        first_header = reader.first_line();
        name = file;
      }
      require(format.has_times() == first->has_times(), "{}: {} times, unlike {}", file,
              format.has_times() ? "has" : "has no", name);
      read_stream(*stream, reader, format, threads, collector, progress);
      digest = stream->digest();
    }
    ratings.pipe_digests.push_back(digest);
  }
  ratings.format = first->name;
  ratings.has_times = first->has_times();
  report.finish(ratings, *first, name);
  return ratings;
}

}  // namespace neumf::preprocess
