#include "ratings.hpp"

#include <deque>
#include <future>

#include "block_reader.hpp"
#include "neumf/core/error.hpp"
#include "ratings_parser.hpp"

namespace neumf::preprocess {
namespace {

std::uint32_t dense_id(IdMap& map, const RawId& id, const ParsedBlock& block) {
  return id.is_text ? map.add(block.texts[static_cast<std::size_t>(id.number)]) : map.add(id.number);
}

// Takes the parsed blocks in file order, so ids and errors do not depend on threads.
class Collector {
 public:
  Collector(Ratings& ratings, std::string file) : ratings_(ratings), file_(std::move(file)) {}

  void take(const ParsedBlock& block) {
    if (block.bad)
      fail("{}:{}: cannot read this line: {}: '{}'", file_, lines_ + block.bad->line + 1, block.bad->reason,
           block.bad->content);
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
  std::string file_;
  std::uint64_t lines_ = 0;
};

}  // namespace

Ratings load_ratings(const std::filesystem::path& path, FormatName format_name, std::size_t threads,
                     Progress& progress) {
  const auto stream = open_input(path, archive_members(format_name));
  const std::string name = stream->name();
  BlockReader reader(*stream);
  const RatingsFormat format = detect_format(format_name, reader.first_line(), name);
  reader.set_separator(format.separator);

  Ratings ratings;
  ratings.format = format.name;
  Collector collector(ratings, name);
  std::deque<std::future<ParsedBlock>> parsing;
  const auto take_oldest = [&] {
    const ParsedBlock block = parsing.front().get();
    parsing.pop_front();
    collector.take(block);
  };
  // This thread reads and collects while others parse; the queue bounds memory.
  const auto policy = threads > 1 ? std::launch::async : std::launch::deferred;
  progress.stage("reading", std::filesystem::file_size(path));
  bool skip_header = format.has_header;
  for (std::string text = reader.next(); !text.empty(); text = reader.next()) {
    parsing.push_back(std::async(policy, parse_block, std::move(text), std::cref(format), skip_header));
    skip_header = false;
    if (parsing.size() >= 2 * threads) take_oldest();
    progress.update(stream->position());
  }
  while (!parsing.empty()) take_oldest();
  require(ratings.rows > 0, "{}: holds no ratings", name);
  return ratings;
}

}  // namespace neumf::preprocess
