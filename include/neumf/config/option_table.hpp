// The options of a command, each declared once, beside its field:
//
//   struct Settings {
//     int epochs = 30;
//     std::optional<std::size_t> negatives;
//     std::vector<std::filesystem::path> inputs;
//   };
//   options.section("Training");
//   options.add("epochs,e", settings.epochs, "number of epochs", {.range = at_least(1)});
//   options.add("negatives", settings.negatives, "negatives per user (default 100)", {.value = "N"});
//   options.add("input,i", settings.inputs, "ratings files", {.repeated = true});
//
// From this follow reading and checking the command line and INI files, help, manual page and completion, and
// the options as they are saved with a run.
//
// A field is a bool (a flag), a number, text, a path, an enumeration with value_names, a type with an
// OptionValue, or std::optional or std::vector of these. Its value when it is declared is the default.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "neumf/config/option_value.hpp"

namespace neumf {

// What else there is to say of an option.
struct OptionRules {
  Range range = {};                     // of a number, or of each in a list
  const char* value = nullptr;          // what help calls the value: FILE; otherwise "arg", or PATH for paths
  const char* required = nullptr;       // must be given; this says what to give, in the error
  const char* implied = nullptr;        // the value where only the name is given; another is given with '='
  const char* shown = nullptr;          // the default in help, where the field does not say it
  std::vector<std::string> among = {};  // the only names of the enumeration that are allowed
  bool repeated = false;       // of a list: every occurrence adds to it, instead of the last counting
  bool transient = false;      // of this run alone: not among what is saved with it
  bool shapes_result = false;  // a resumed run with another value ends elsewhere
};

// What a person reads of an option.
struct OptionText {
  std::string section, name;  // without dashes
  char letter = 0;            // of the short form, or 0
  std::string value;          // "PATH", "arg (=30)"; empty for a flag
  std::string help;
  std::vector<std::string> names;  // that the value can have; empty: anything
  bool list = false, path = false;
  std::string implied;
};
using OptionTexts = std::vector<OptionText>;

// The options by section, as --help prints them.
std::string format_options(const OptionTexts& options);

class OptionTable {
 public:
  // `program` is named in errors: "neumf score". `wrong` is how an error shows name, value and rule.
  explicit OptionTable(std::string program, std::string wrong = "--{} {}: {}");
  OptionTable(const OptionTable&) = delete;
  OptionTable& operator=(const OptionTable&) = delete;

  // The heading in help of the options that follow.
  void section(std::string title) { section_ = std::move(title); }
  // `names`: "epochs" or, with a short form, "epochs,e". The field must outlive the table.
  template <class T>
  void add(const std::string& names, T& field, std::string help, OptionRules rules = {});
  // --config and --help, and where `version` is its names, --version.
  void add_common(const char* version = nullptr);
  // A condition on several options, checked after all are read; throws Error.
  void check(std::function<void()> condition) { checks_.push_back(std::move(condition)); }

  // Reads `arguments` (without the program's name) and the file of --config into the fields; the command line
  // wins, and of a repeated option the last occurrence. Dashes and underscores are interchangeable in names,
  // which are not guessed from their beginning. Nothing is checked after --help and --version. Throws Error
  // naming the option, the value and what is allowed.
  void read(const std::vector<std::string>& arguments);
  // Whether the command line or the file gave the option.
  bool given(const std::string& name) const;

  const OptionTexts& texts() const { return texts_; }
  // The fields as they are now, in the order of declaration: name and value, a list of texts with one entry
  // for each. Options without a value are left out, and empty texts where that is the default.
  std::vector<std::pair<std::string, std::string>> settings() const;
  // The same as an INI file, which --config reads back to the same fields.
  std::string ini() const;
  // The options whose value shapes the result.
  std::vector<std::string> shaping() const;

 private:
  using Words = std::vector<std::string>;
  struct Field {
    OptionRules rules;
    std::function<void()> begin;                   // of a list: empties it
    std::function<void(const std::string&)> take;  // the value, or one more
    std::function<Words()> written;
    Words initial;
    bool splits = false;  // a list of numbers or names: one text can hold several
    bool saved = true;    // in settings()
    bool given = false;
  };
  struct Given;

  void declare(const std::string& names, std::string help, OptionText text, Field field);
  std::size_t find(const std::string& name) const;  // texts_.size() if there is none
  Given read_arguments(const Words& arguments) const;
  Given read_file(const std::string& path) const;
  void assign(std::size_t option, const Words& words);

  std::string program_, wrong_, section_ = "Options", config_;
  bool help_ = false, version_ = false;
  OptionTexts texts_;
  std::vector<Field> fields_;  // of texts_, in the same order
  std::vector<std::function<void()>> checks_;
};

namespace detail {
// What a field holds one or several of.
template <class T>
struct Element {
  using Type = T;
  static constexpr bool list = false, optional = false;
};
template <class T>
struct Element<std::optional<T>> {
  using Type = T;
  static constexpr bool list = false, optional = true;
};
template <class T>
struct Element<std::vector<T>> {
  using Type = T;
  static constexpr bool list = true, optional = false;
};
}  // namespace detail

template <class T>
void OptionTable::add(const std::string& names, T& field, std::string help, OptionRules rules) {
  using Element = detail::Element<T>;
  using Value = typename Element::Type;
  OptionText text;
  Field f;
  text.list = Element::list;
  text.path = std::is_same_v<Value, std::filesystem::path>;
  if constexpr (requires { OptionValue<Value>::names(); }) text.names = OptionValue<Value>::names();
  f.splits = Element::list && (std::is_arithmetic_v<Value> || Named<Value>);
  if constexpr (Element::list) {
    f.begin = [&field] { field.clear(); };
    f.take = [&field, range = rules.range](const std::string& word) {
      field.push_back(read_option<Value>(word, range));
    };
    f.written = [&field] {
      Words words;
      for (const auto& value : field) words.push_back(write_option<Value>(value));
      return words;
    };
  } else {
    f.take = [&field, range = rules.range](const std::string& word) {
      field = read_option<Value>(word, range);
    };
    f.written = [&field]() -> Words {
      if constexpr (Element::optional)
        return field ? Words{write_option<Value>(*field)} : Words{};
      else
        return {write_option<Value>(field)};
    };
  }
  if constexpr (!std::is_same_v<T, bool>)
    text.value = rules.value != nullptr ? rules.value : text.path ? "PATH" : "arg";
  f.rules = std::move(rules);
  declare(names, std::move(help), std::move(text), std::move(f));
}

}  // namespace neumf
