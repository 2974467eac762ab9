#include "json_lines.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "neumf/core/error.hpp"
#include "row_builder.hpp"
#include "table_sample.hpp"

namespace neumf::preprocess {
namespace {

using nlohmann::json;

// Sees the members of the outer object one by one, as texts: what is nested is passed over.
class Members : public nlohmann::json_sax<json> {
 public:
  bool null() override { return take(""); }
  bool boolean(bool value) override { return take(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return take(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return take(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { return take(text); }
  bool string(string_t& text) override { return take(text); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(); }
  bool start_array(std::size_t) override { return open(); }
  bool key(string_t& name) override {
    if (depth_ == 1) on_key(name);
    return true;
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    error_ = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error ..."
    if (const auto colon = error_.find("column"); colon != std::string::npos) error_ = error_.substr(colon);
    return false;
  }

  // False if `line` is not one object; then error() says why.
  bool read(std::string_view line) {
    depth_ = 0;
    error_.clear();
    if (!line.starts_with('{')) {
      error_ = "it is not an object: a line of JSON lines begins with {";
      return false;
    }
    if (json::sax_parse(line.begin(), line.end(), this)) return true;
    if (error_.empty()) error_ = "it cannot be read";
    return false;
  }
  const std::string& error() const { return error_; }

 protected:
  virtual void on_key(const std::string& name) = 0;
  virtual void on_value(const std::string& text) = 0;
  virtual void on_nested() = 0;

 private:
  bool take(const std::string& text) {
    if (depth_ == 1) on_value(text);
    return true;
  }
  bool open() {
    if (depth_ == 1) on_nested();
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }

  int depth_ = 0;
  std::string error_;
};

class HeadReader final : public Members {
 public:
  TableHead head;

  bool add(std::string_view line) {
    head.rows.emplace_back(head.names.size());
    return read(line);
  }

 private:
  void on_key(const std::string& name) override {
    const auto found = std::find(head.names.begin(), head.names.end(), name);
    at_ = static_cast<std::size_t>(found - head.names.begin());
    if (found == head.names.end()) head.names.push_back(name);
    auto& row = head.rows.back();
    if (row.size() <= at_) row.resize(at_ + 1);
  }
  void on_value(const std::string& text) override { head.rows.back()[at_] = text; }
  void on_nested() override { head.rows.back()[at_] = "{...}"; }

  std::size_t at_ = 0;
};

// The members that make a row.
class RowReader final : public Members {
 public:
  explicit RowReader(const RatingsFormat& format) : values(4 + format.keep.size()), format_(format) {
    const auto want = [&](int column, std::size_t slot) {
      if (column != RatingsFormat::no_column)
        wanted_.emplace_back(format.names[static_cast<std::size_t>(column)], slot);
    };
    want(format.user_column, 0);
    want(format.item_column, 1);
    want(format.time_column, 2);
    if (format.min_rating) want(format.rating_column, 3);
    for (std::size_t i = 0; i < format.keep.size(); ++i) want(format.keep_columns[i], 4 + i);
  }

  bool read_row(std::string_view line) {
    for (auto& value : values) value.clear();
    nested_ = none;
    return read(line);
  }
  // The name of a wanted key that holds an object or a list, or nothing.
  const std::string* nested() const { return nested_ == none ? nullptr : &wanted_[nested_].first; }

  std::vector<std::string> values;  // user, item, time, rating, and each --keep

 private:
  static constexpr std::size_t none = SIZE_MAX;

  void on_key(const std::string& name) override { key_ = name; }
  void on_value(const std::string& text) override {
    for (const auto& [name, slot] : wanted_)
      if (name == key_) values[slot] = text;
  }
  void on_nested() override {
    for (std::size_t i = 0; i < wanted_.size(); ++i)
      if (wanted_[i].first == key_) nested_ = i;
  }

  const RatingsFormat& format_;
  std::vector<std::pair<std::string, std::size_t>> wanted_;
  std::string key_;
  std::size_t nested_ = none;
};

void refuse_other_notations(std::string_view text, const std::string& file) {
  require(!text.starts_with('['),
          "{}: is one JSON array, not JSON lines; turn it into lines with jq -c '.[]' {} | neumf-preprocess "
          "--input -",
          file, file);
  const std::string_view inside = trimmed(text.substr(text.starts_with('{') ? 1 : 0));
  require(
      !inside.starts_with('\'') && !inside.starts_with("u'") && !inside.starts_with("u\""),
      "{}: is not JSON but Python's notation of dictionaries; convert it with python3 -c 'import ast, json, "
      "sys; [print(json.dumps(ast.literal_eval(line))) for line in sys.stdin]' < {} | neumf-preprocess "
      "--input -",
      file, file);
}

// The next line without blanks around, and moves `text` behind it.
std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = trimmed(text.substr(0, end));
  text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  return line;
}

}  // namespace

TableHead json_head(std::string_view text, bool whole, const std::string& file) {
  while (!text.empty() && (trimmed(text).size() != text.size() || text.front() == '\n'))
    text = text.front() == '\n' ? text.substr(1) : trimmed(text);
  refuse_other_notations(text, file);
  HeadReader reader;
  for (std::uint64_t number = 1; !text.empty() && reader.head.rows.size() < TableSample::most_records;
       ++number) {
    if (!whole && text.find('\n') == std::string_view::npos && number > 1) break;  // cut
    const std::string_view line = next_line(text);
    if (line.empty()) continue;
    if (reader.add(line)) continue;
    require(line != "{" && number > 1,
            "{}:1: is not JSON lines: every line must hold one object ({}). "
            "jq -c . {} | neumf-preprocess --input - turns objects over several lines into lines",
            file, reader.error(), file);
    reader.head.rows.pop_back();
    break;  // the parser will say where
  }
  require(!reader.head.names.empty(), "{}: holds no JSON objects with members", file);
  reader.head.columns = reader.head.names.size();
  return std::move(reader.head);
}

ParsedBlock parse_json_lines(std::string text, const RatingsFormat& format) {
  ParsedBlock block;
  block.text = std::make_unique<const std::string>(std::move(text));
  RowBuilder rows(format, block);
  RowReader reader(format);
  std::vector<FieldText> keep(format.keep.size());
  for (std::string_view rest = *block.text; !rest.empty(); ++block.lines) {
    const std::string_view line = next_line(rest);
    if (line.empty()) continue;
    if (!reader.read_row(line)) {
      block.bad = {block.lines, "this is not JSON: " + reader.error(), printable(line)};
      break;
    }
    if (reader.nested() != nullptr) {
      block.bad = {block.lines, fmt::format("'{}' is neither a text nor a number", *reader.nested()),
                   printable(line)};
      break;
    }
    const auto field = [&](std::size_t slot) { return FieldText{reader.values[slot], false, true}; };
    for (std::size_t i = 0; i < keep.size(); ++i) keep[i] = field(4 + i);
    if (!rows.add(field(0), field(1), field(2), field(3), keep, line)) break;
  }
  return block;
}

}  // namespace neumf::preprocess
