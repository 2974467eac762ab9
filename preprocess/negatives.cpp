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
  const Philox random(seed, RandomStream::test_negatives);
  const auto draw = [&](HeldOut& held_out, std::uint32_t first_word, const HeldOut* known) {
    const bool without_own = has_several(held_out);
    held_out.negatives.resize(split.users() * per_user);
#pragma omp parallel num_threads(static_cast <int>(threads))
    {
      std::vector<std::uint32_t> joined;
#pragma omp for schedule(dynamic, 256)
      for (std::size_t user = 0; user < split.users(); ++user) {
        auto excluded = split.training(user);
        if (known != nullptr || without_own) {
          joined.assign(excluded.begin(), excluded.end());
          const auto add = [&](std::span<const std::uint32_t> items) {
            joined.insert(joined.end(), items.begin(), items.end());
          };
          if (known != nullptr) add(known->of(user));
          if (without_own) add(held_out.of(user));
          std::sort(joined.begin(), joined.end());
          excluded = joined;
        }
        const auto absent = static_cast<std::uint32_t>(split.items() - excluded.size());
        const std::span out(held_out.negatives.data() + user * per_user, per_user);
        if (absent == 0) {  // the user has every item
          const auto own = held_out.of(user);
          std::fill(out.begin(), out.end(), own.empty() ? 0u : own.front());
          continue;
        }
        for (std::size_t k = 0; k < per_user; k += 4) {
          const auto bits = random(user, first_word + static_cast<std::uint32_t>(k / 4));
          for (std::size_t i = 0; i < std::min<std::size_t>(4, per_user - k); ++i)
            out[k + i] = absent_item(excluded.data(), static_cast<std::uint32_t>(excluded.size()),
                                     bounded(bits[i], absent));
        }
      }
    }
  };
  if (split.test.negatives.empty()) draw(split.test, 0, split.has_validation() ? &split.valid : nullptr);
  if (split.has_validation()) draw(split.valid, 0x40000000u, nullptr);
}

std::size_t users_without_negatives(const Split& split) {
  std::size_t users = 0;
  for (std::size_t user = 0; user < split.users(); ++user) {
    const std::size_t tested = split.test.of(user).size();
    const std::size_t validated = split.has_validation() ? split.valid.of(user).size() : 0;
    if (tested > 0 && split.counts[user] + validated + tested >= split.items()) ++users;
  }
  return users;
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
  for (std::size_t user = 0; user < split.users(); ++user)
    require(split.test.of(user).size() == 1,
            "{}: negatives of one test item for each user, but user '{}' has {} test items; leave the file "
            "out, so that negatives are drawn, or hold out one item with --split last or random",
            path.string(), id_text(split.user_ids, user), split.test.of(user).size());
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
    const std::uint32_t held_out = split.test.items[*user];
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
      split.test.negatives.assign(split.users() * split.negatives_per_user, 0);
    }
    std::transform(
        line.negatives.begin(), line.negatives.end(),
        split.test.negatives.begin() + static_cast<std::ptrdiff_t>(*user * split.negatives_per_user),
        item_id);
  });
  if (seen_count < split.users()) {
    const auto missing = static_cast<std::size_t>(std::find(seen.begin(), seen.end(), false) - seen.begin());
    fail("{}: has {} of {} users; the first without a line is user '{}'", path.string(), seen_count,
         split.users(), id_text(split.user_ids, missing));
  }
}

}  // namespace neumf::preprocess
