#include "negatives.hpp"

#include <algorithm>

#include "block_reader.hpp"
#include "neumf/core/error.hpp"
#include "neumf/random/philox.hpp"
#include "neumf/sampling/absent_item.hpp"
#include "parsed_block.hpp"
#include "table_sample.hpp"

namespace neumf::preprocess {
namespace {

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

// False if the line has another form.
bool parse_line(std::string_view text, NegativesLine& line) {
  const std::size_t comma = text.find(','), close = text.find(')');
  if (!text.starts_with('(') || comma == std::string_view::npos || close == std::string_view::npos ||
      comma > close)
    return false;
  line.user = without_blanks(text.substr(1, comma - 1));
  line.item = without_blanks(text.substr(comma + 1, close - comma - 1));
  line.negatives.clear();
  text = text.substr(close + 1);
  while (text.starts_with('\t')) {
    text.remove_prefix(1);
    const std::size_t end = std::min(text.find('\t'), text.size());
    // Some writers end each line with a tab.
    if (const auto field = without_blanks(text.substr(0, end)); !field.empty())
      line.negatives.push_back(field);
    text = text.substr(end);
  }
  return text.empty() && !line.user.empty() && !line.item.empty() && !line.negatives.empty();
}

}  // namespace

void draw_negatives(Split& split, std::size_t per_user, std::uint64_t seed, std::size_t threads) {
  split.negatives_per_user = per_user;
  split.negatives.resize(split.users() * per_user);
  const Philox random(seed, RandomStream::test_negatives);
  const std::uint32_t items = split.items();
#pragma omp parallel for num_threads(static_cast <int>(threads)) schedule(dynamic, 256)
  for (std::size_t user = 0; user < split.users(); ++user) {
    const auto training = split.training(user);
    const auto absent = static_cast<std::uint32_t>(items - training.size());
    std::uint32_t* out = split.negatives.data() + user * per_user;
    if (absent == 0) {  // only where the held-out item is in training as well
      std::fill_n(out, per_user, split.test_items[user]);
      continue;
    }
    for (std::size_t k = 0; k < per_user; k += 4) {
      const auto bits = random(user, static_cast<std::uint32_t>(k / 4));
      for (std::size_t i = 0; i < std::min<std::size_t>(4, per_user - k); ++i)
        out[k + i] = absent_item(training.data(), split.counts[user], bounded(bits[i], absent));
    }
  }
}

std::size_t users_without_negatives(const Split& split) {
  return static_cast<std::size_t>(
      std::count_if(split.counts.begin(), split.counts.end(),
                    [&](std::uint32_t count) { return count + 1 >= split.items(); }));
}

void read_negatives_file(const std::filesystem::path& path,
                         const std::function<void(const NegativesLine&)>& visit) {
  const auto streams = open_input(path, {{"*.negative"}});
  const auto& stream = streams.front();
  BlockReader reader(*stream);
  NegativesLine line{};
  std::size_t per_line = 0;
  for (std::string block = reader.next(); !block.empty(); block = reader.next()) {
    for (std::string_view rest = block; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view text = without_blanks(rest.substr(0, end));
      rest = rest.substr(std::min(end + 1, rest.size()));
      ++line.number;
      if (text.empty()) continue;
      require(parse_line(text, line), "{}:{}: expected '(user,item)' and negatives separated by tabs: '{}'",
              stream->name(), line.number, printable(text));
      if (per_line == 0) per_line = line.negatives.size();
      require(line.negatives.size() == per_line, "{}:{}: {} negatives where the lines before have {}: '{}'",
              stream->name(), line.number, line.negatives.size(), per_line, printable(text));
      visit(line);
    }
  }
  require(per_line > 0, "{}: holds no negatives", stream->name());
}

void load_negatives(Split& split, const std::filesystem::path& path) {
  const IdMap users(split.user_ids), items(split.item_ids);
  std::vector<bool> seen(split.users(), false);
  std::size_t seen_count = 0;
  read_negatives_file(path, [&](const NegativesLine& line) {
    const auto item_id = [&](std::string_view text) {
      const auto item = items.find(text);
      require(item.has_value(), "{}:{}: item '{}' is not in the data set", path.string(), line.number,
              printable(text));
      return *item;
    };
    const auto user = users.find(line.user);
    require(user.has_value(), "{}:{}: user '{}' is not in the data set (or has too few ratings)",
            path.string(), line.number, printable(line.user));
    require(!seen[*user], "{}:{}: user '{}' has a second line", path.string(), line.number,
            printable(line.user));
    const std::uint32_t held_out = split.test_items[*user];
    require(item_id(line.item) == held_out,
            "{}:{}: holds out item '{}' of user '{}', but the latest interaction of this user is with item "
            "'{}'; the "
            "file belongs to another split",
            path.string(), line.number, printable(line.item), printable(line.user),
            id_text(split.item_ids, held_out));
    seen[*user] = true;
    ++seen_count;
    if (split.negatives_per_user != line.negatives.size()) {
      split.negatives_per_user = line.negatives.size();
      split.negatives.assign(split.users() * split.negatives_per_user, 0);
    }
    std::transform(line.negatives.begin(), line.negatives.end(),
                   split.negatives.begin() + static_cast<std::ptrdiff_t>(*user * split.negatives_per_user),
                   item_id);
  });
  if (seen_count < split.users()) {
    const auto missing = static_cast<std::size_t>(std::find(seen.begin(), seen.end(), false) - seen.begin());
    fail("{}: has {} of {} users; the first without a line is user '{}'", path.string(), seen_count,
         split.users(), id_text(split.user_ids, missing));
  }
}

}  // namespace neumf::preprocess
