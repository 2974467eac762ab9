#include "ncf_files.hpp"

#include <algorithm>
#include <numeric>

#include "negatives.hpp"
#include "neumf/core/error.hpp"
#include "parsed_block.hpp"
#include "ratings.hpp"
#include "table_sample.hpp"

namespace neumf::preprocess {
namespace {

using Path = std::filesystem::path;
constexpr std::string_view train_suffix = ".train.rating";

bool is_file(const Path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

std::optional<Path> with_any_suffix(const std::string& path) {
  for (const char* suffix : {"", ".gz", ".txt", ".txt.gz"})
    if (Path candidate = path + suffix; is_file(candidate)) return candidate;
  return std::nullopt;
}

// Ids of NCF files are used as indices: a stray huge one must not become a huge embedding table.
constexpr std::int64_t largest_id = (std::int64_t{1} << 31) - 1;

std::uint32_t checked_id(std::int64_t id, const char* what, const Path& path) {
  require(id >= 0 && id <= largest_id, "{}: {} id {} is not in 0 to {}; NCF files have dense ids",
          path.string(), what, id, largest_id);
  return static_cast<std::uint32_t>(id);
}

std::uint32_t parse_id(std::string_view text, const char* what, const Path& path, std::uint64_t line) {
  const auto id = parse_canonical_integer(text);
  require(id.has_value(), "{}:{}: {} id '{}' is not an integer", path.string(), line, what, printable(text));
  return checked_id(*id, what, path);
}

struct Pairs {
  std::vector<std::uint32_t> users, items;
};

Pairs load_pairs(const Path& path, std::size_t threads, Progress& progress) {
  ReadOptions options;
  options.format = FormatName::ncf;
  const Ratings ratings = load_ratings({path}, options, threads, progress);
  Pairs pairs;
  pairs.users.reserve(ratings.rows);
  pairs.items.reserve(ratings.rows);
  for (const auto& block : ratings.blocks) {
    for (const Rating& rating : block) {
      pairs.users.push_back(checked_id(ratings.users.number(rating.user), "user", path));
      pairs.items.push_back(checked_id(ratings.items.number(rating.item), "item", path));
    }
  }
  return pairs;
}

std::vector<std::int64_t> identity(std::size_t count) {
  std::vector<std::int64_t> ids(count);
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

void take_test(Split& split, const Pairs& test, const Path& path) {
  const std::size_t users = test.users.size();
  std::vector<bool> seen(users, false);
  split.test.items.resize(users);
  split.test.offsets.resize(users + 1);
  std::iota(split.test.offsets.begin(), split.test.offsets.end(), std::uint64_t{0});
  for (std::size_t i = 0; i < users; ++i) {
    const std::uint32_t user = test.users[i];
    require(user < users, "{}: has {} lines but a user {}; every user from 0 needs exactly one line",
            path.string(), users, user);
    require(!seen[user], "{}: user {} has two lines", path.string(), user);
    seen[user] = true;
    split.test.items[user] = test.items[i];
  }
}

void take_training(Split& split, const Pairs& train, const Path& path) {
  const std::size_t users = split.test.items.size();
  std::vector<std::uint64_t> begin(users + 1, 0);
  for (const std::uint32_t user : train.users) {
    require(user < users, "{}: user {} has no test line", path.string(), user);
    ++begin[user + 1];
  }
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<std::uint32_t> grouped(train.items.size());
  std::vector<std::uint64_t> next(begin.begin(), begin.end() - 1);
  for (std::size_t i = 0; i < grouped.size(); ++i) grouped[next[train.users[i]]++] = train.items[i];

  split.counts.resize(users);
  split.offsets.resize(users + 1);
  split.train_items.reserve(grouped.size());
  for (std::size_t user = 0; user < users; ++user) {
    const auto first = grouped.begin() + static_cast<std::ptrdiff_t>(begin[user]);
    const auto last = grouped.begin() + static_cast<std::ptrdiff_t>(begin[user + 1]);
    std::sort(first, last);
    const auto end = std::unique(first, last);
    split.duplicates += static_cast<std::uint64_t>(last - end);
    split.counts[user] = static_cast<std::uint32_t>(end - first);
    split.offsets[user + 1] = split.offsets[user] + split.counts[user];
    split.train_items.insert(split.train_items.end(), first, end);
  }
}

void take_negatives(Split& split, const Path& path) {
  const std::size_t users = split.test.items.size();
  std::vector<bool> seen(users, false);
  std::size_t lines = 0;
  read_negatives_file(path, [&](const NegativesLine& line) {
    const std::uint32_t user = parse_id(line.user, "user", path, line.number);
    require(user < users && !seen[user], "{}:{}: user {} {}", path.string(), line.number, user,
            user < users ? "has a second line" : "is not in the test file");
    const std::uint32_t item = parse_id(line.item, "item", path, line.number);
    require(item == split.test.items[user], "{}:{}: holds out item {} of user {}, but the test file item {}",
            path.string(), line.number, item, user, split.test.items[user]);
    seen[user] = true;
    ++lines;
    if (split.test.negatives.empty()) {
      split.negatives_per_user = line.negatives.size();
      split.test.negatives.resize(users * split.negatives_per_user);
    }
    std::transform(
        line.negatives.begin(), line.negatives.end(),
        split.test.negatives.begin() + static_cast<std::ptrdiff_t>(user * split.negatives_per_user),
        [&](std::string_view text) { return parse_id(text, "item", path, line.number); });
  });
  require(lines == users, "{}: has {} lines for {} users", path.string(), lines, users);
}

std::uint32_t largest(const std::vector<std::uint32_t>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

}  // namespace

std::optional<NcfFiles> find_ncf_files(const Path& input) {
  std::string prefix = input.string();
  for (const char* suffix :
       {".train.rating", ".train.rating.gz", ".train.rating.txt", ".train.rating.txt.gz"})
    if (prefix.ends_with(suffix)) prefix.resize(prefix.size() - std::string_view(suffix).size());
  const auto train = with_any_suffix(prefix + std::string(train_suffix));
  if (!train) return std::nullopt;
  const auto test = with_any_suffix(prefix + ".test.rating");
  require(test.has_value(),
          "{}.test.rating: no such file (nor with .gz or .txt); NCF data are PREFIX.train.rating, "
          "PREFIX.test.rating and, if the negatives are not to be drawn, PREFIX.test.negative",
          prefix);
  return NcfFiles{*train, *test, with_any_suffix(prefix + ".test.negative").value_or(Path())};
}

Split load_ncf(const NcfFiles& files, std::size_t threads, Progress& progress) {
  Split split;
  const Pairs train = load_pairs(files.train, threads, progress);
  const Pairs test = load_pairs(files.test, threads, progress);
  split.interactions = train.users.size() + test.users.size();
  take_test(split, test, files.test);
  take_training(split, train, files.train);
  if (!files.negatives.empty()) take_negatives(split, files.negatives);
  const std::uint32_t last_item =
      std::max({largest(split.train_items), largest(split.test.items), largest(split.test.negatives)});
  split.user_ids = identity(split.test.items.size());
  split.item_ids = identity(std::size_t{last_item} + 1);
  return split;
}

}  // namespace neumf::preprocess
