#include "reading_report.hpp"

#include <algorithm>

#include "neumf/core/error.hpp"
#include "neumf/core/with_commas.hpp"
#include "table_sample.hpp"

namespace neumf::preprocess {
namespace {

constexpr std::size_t shown_values = 5;

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : ", ") + fmt::format("'{}'", printable(value));
  return text;
}

std::string columns_text(const RatingsFormat& format) {
  std::string text = fmt::format("user: {}, item: {}, time: {}", format.title(format.user_column),
                                 format.title(format.item_column),
                                 format.has_times() ? format.title(format.time_column) : "none");
  if (format.rating_column != RatingsFormat::no_column)
    text += fmt::format(", rating: {}", format.title(format.rating_column));
  return text;
}

}  // namespace

void ReadingReport::take(const ParsedBlock& block, const std::string& file, std::uint64_t lines) {
  missing_ += block.missing;
  if (first_missing_.empty() && block.first_missing)
    first_missing_ = fmt::format("{}:{}: {}: '{}'", file, lines + block.first_missing->line + 1,
                                 block.first_missing->reason, block.first_missing->content);
  for (const auto& [own, first] :
       {std::pair(&block.decimal_user, &decimal_ids_[0]), std::pair(&block.decimal_item, &decimal_ids_[1])})
    if (first->empty() && !own->empty()) *first = fmt::format("{}: {}", file, *own);
  low_rated_ += block.low_rated;
  not_kept_.resize(block.not_kept.size());
  other_values_.resize(block.not_kept.size());
  kept_values_.resize(block.not_kept.size());
  for (std::size_t i = 0; i < block.not_kept.size(); ++i) {
    not_kept_[i] += block.not_kept[i];
    kept_values_[i].resize(block.kept_values[i].size());
    for (std::size_t k = 0; k < kept_values_[i].size(); ++k)
      kept_values_[i][k] = kept_values_[i][k] || block.kept_values[i][k];
    auto& others = other_values_[i];
    for (const auto& value : block.other_values[i])
      if (others.size() < shown_values && std::find(others.begin(), others.end(), value) == others.end())
        others.push_back(value);
  }
  least_ = std::min(least_, block.least);
  most_ = std::max(most_, block.most);
  zoned_ |= block.zoned;
  unzoned_ |= block.unzoned;
}

void ReadingReport::check_missing(const Ratings& ratings, const RatingsFormat& format) const {
  if (missing_ == 0 || format.missing == Missing::drop) return;
  fail("{}. {} of {} rows have no user, item{}; leave them out with --missing drop{}", first_missing_,
       with_commas(missing_), with_commas(ratings.rows + missing_),
       format.min_rating ? ", rating or time" : " or time",
       format.missing == Missing::keep ? "" : ", or take such words for ids with --missing keep");
}

void ReadingReport::check_times(const Ratings& ratings, const RatingsFormat& format, const std::string& file,
                                std::vector<std::string>& notes) const {
  require(!zoned_ || !unzoned_,
          "{}: some times in {} have a zone and some have none, so their order cannot be told", file,
          format.title(format.time_column));
  const bool order_matters = std::any_of(ratings.user_rows.begin(), ratings.user_rows.end(),
                                         [](std::uint64_t rows) { return rows > 1; });
  if (least_ == most_ && order_matters) {
    const bool dates = format.time_kind != TimeKind::number;
    const std::string text =
        fmt::format("all times in {} are the same ({})", format.title(format.time_column),
                    dates ? date_text(least_, TimeUnit::seconds) : std::to_string(least_.seconds));
    if (!format.time_given && !dates)
      fail(
          "{}: {}, so the latest item is not known; give the right --time_column, or --time none to draw the "
          "held-out items",
          file, text);
    notes.push_back("warning: " + text + ": each user's last row in the file was held out");
  }
  const TimeUnit least = unit_of(least_), most = unit_of(most_);
  require(
      format.time_kind != TimeKind::number || least == most || least == TimeUnit::none || least_.seconds < 0,
      "{}: {} mixes {} and {} (from {} to {}), so the order cannot be told", file,
      format.title(format.time_column), to_string(least), to_string(most), least_.seconds, most_.seconds);
  if (format.time_kind == TimeKind::number && least == TimeUnit::none && most != TimeUnit::none &&
      !(format.zero_times && least_ == Time{}))
    notes.push_back(fmt::format(
        "warning: the first time is {}, long before the last: is that the mark of a missing time?",
        least_.seconds));
}

void ReadingReport::finish(Ratings& ratings, const RatingsFormat& format, const std::string& file) const {
  check_missing(ratings, format);
  ratings.notes = format.notes;
  for (const auto& ids : decimal_ids_)
    if (!ids.empty())
      ratings.notes.push_back(
          fmt::format("warning: {} are texts, other ids than without the fraction; pandas writes integers so "
                      "where one is missing",
                      ids));
  for (std::size_t i = 0; i < not_kept_.size(); ++i) {
    const auto& rule = format.keep[i];
    const auto others = other_values_[i].empty() ? std::string("no other") : joined(other_values_[i]);
    std::vector<std::string> absent;
    for (std::size_t k = 0; k < rule.values.size(); ++k)
      if (!kept_values_[i][k]) absent.push_back(rule.values[k]);
    require(ratings.rows > 0 || absent.size() < rule.values.size(),
            "{}: --keep {}: no row has {}; values are {}", file, rule.column, joined(absent), others);
    ratings.notes.push_back(fmt::format("left out {} rows whose {} is another than {}",
                                        with_commas(not_kept_[i]), rule.column, joined(rule.values)));
    if (!absent.empty())
      ratings.notes.push_back(fmt::format("warning: --keep {}: no row has {}; other values are {}",
                                          rule.column, joined(absent), others));
  }
  if (format.min_rating) {
    require(ratings.rows > 0 || low_rated_ == 0, "{}: no rating reaches --min_rating {}", file,
            *format.min_rating);
    ratings.notes.push_back(
        fmt::format("left out {} rows with ratings below {}", with_commas(low_rated_), *format.min_rating));
  }
  if (missing_ > 0)
    ratings.notes.push_back(
        fmt::format("left out {} rows without a user, an item or a time", with_commas(missing_)));
  require(ratings.rows > 0, "{}: holds no ratings", file);
  ratings.columns = columns_text(format);
  if (!format.has_times()) return;
  check_times(ratings, format, file, ratings.notes);
  const bool dates = format.time_kind != TimeKind::number;
  const TimeUnit unit = dates ? TimeUnit::seconds : unit_of(most_);
  ratings.time_unit = unit;
  ratings.times = fmt::format("{} to {} ({})", date_text(least_, unit), date_text(most_, unit),
                              dates ? "dates" : to_string(unit));
}

}  // namespace neumf::preprocess
