#include "ratings.hpp"

#include <deque>
#include <functional>
#include <future>
#include <optional>

#include "block_reader.hpp"
#include "columnar.hpp"
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

  // Whose records are numbered from 1: lines or rows.
  void begin_file(const std::string& name, std::string_view record) {
    file_ = name;
    record_ = record;
    lines_ = 0;
  }

  void take(const ParsedBlock& block) {
    if (block.bad)
      fail("{}:{}: cannot read this {}: {}: '{}'", file_, lines_ + block.bad->line + 1, record_,
           block.bad->reason, block.bad->content);
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
  std::string_view record_;
  std::uint64_t lines_ = 0;
};

// Parses blocks on other threads, while this one reads and collects them in their order. The queue bounds
// memory.
class Pipeline {
 public:
  Pipeline(std::size_t threads, Collector& collector) : threads_(threads), collector_(collector) {}

  template <class Work, class... Arguments>
  void push(Work&& work, Arguments&&... arguments) {
    parsing_.push_back(std::async(threads_ > 1 ? std::launch::async : std::launch::deferred,
                                  std::forward<Work>(work), std::forward<Arguments>(arguments)...));
    if (parsing_.size() >= 2 * threads_) take_oldest();
  }
  void finish() {
    while (!parsing_.empty()) take_oldest();
  }

 private:
  void take_oldest() {
    const ParsedBlock block = parsing_.front().get();
    parsing_.pop_front();
    collector_.take(block);
  }

  std::size_t threads_;
  Collector& collector_;
  std::deque<std::future<ParsedBlock>> parsing_;
};

void read_stream(InputStream& stream, BlockReader& reader, const RatingsFormat& format, std::size_t threads,
                 Collector& collector, Progress& progress) {
  reader.set_separator(format.separator);
  if (format.name == FormatName::netflix) reader.set_cut(whole_movies);
  collector.begin_file(stream.name(), "line");
  Pipeline pipeline(threads, collector);
  bool skip_header = format.has_header;
  for (std::string text = reader.next(); !text.empty(); text = reader.next()) {
    pipeline.push(parse_block, std::move(text), std::cref(format), skip_header);
    skip_header = false;
    progress.update(stream.position());
  }
  pipeline.finish();
}

void read_columnar(ColumnarFile& file, const std::string& name, const RatingsFormat& format,
                   std::size_t threads, Collector& collector, Progress& progress) {
  progress.stage("reading", file.rows());
  collector.begin_file(name, "row");
  Pipeline pipeline(threads, collector);
  while (auto work = file.next(format)) {
    pipeline.push(std::move(work));
    progress.update(file.position());
  }
  pipeline.finish();
}

// The kind of a file that is read through Arrow.
std::optional<FormatName> kind_for_arrow(const std::filesystem::path& input, const ReadOptions& options) {
  if (!reads_columnar()) return std::nullopt;  // it is named as what it is where text was expected
  const auto kind = columnar_kind(input);
  return options.format == FormatName::automatic || options.format == kind ? kind : std::nullopt;
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
  const auto take_format = [&](const RatingsFormat& format, std::string_view header,
                               const std::string& file) {
    if (!first) {
      first = format;
      first_header = header;
      name = file;
    }
    require(format.has_times() == first->has_times(), "{}: {} times, unlike {}", file,
            format.has_times() ? "has" : "has no", name);
    const auto kind = [](const RatingsFormat& of) {
      return std::string_view(of.time_kind == TimeKind::number ? "numbers" : "dates");
    };
    require(!format.has_times() || kind(format) == kind(*first),
            "{}: its times are {}, those of {} are {}, so the order cannot be told; write them alike", file,
            kind(format), name, kind(*first));
  };
  for (const auto& input : inputs) {
    if (const auto kind = kind_for_arrow(input, options)) {
      const auto file = open_columnar(input, *kind);
      const RatingsFormat format = file->format(options);
      take_format(format, "", input.string());
      read_columnar(*file, input.string(), format, threads, collector, progress);
      ratings.pipe_digests.emplace_back();
      ratings.input_blocks.push_back(ratings.blocks.size());
      continue;
    }
    progress.stage("reading", size_of(input));
    std::string digest;
    for (const auto& stream : open_input(input, archive_members(options))) {
      BlockReader reader(*stream);
      const std::string file = stream->name();
      const RatingsFormat format =
          first ? format_of_part(*first, first_header, options, reader.beginning(), reader.holds_all(), file)
                : detect_format(options, reader.beginning(), reader.holds_all(), file);
      take_format(format, reader.first_line(), file);
      read_stream(*stream, reader, format, threads, collector, progress);
      digest = stream->digest();
    }
    ratings.pipe_digests.push_back(digest);
    ratings.input_blocks.push_back(ratings.blocks.size());
  }
  ratings.format = first->name;
  ratings.has_times = first->has_times();
  report.finish(ratings, *first, name);
  return ratings;
}

}  // namespace neumf::preprocess
