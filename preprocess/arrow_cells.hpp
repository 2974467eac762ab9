// Cells of Arrow's arrays as the texts that a file of text would hold.
#pragma once

#include <arrow/api.h>

#include <string>

#include "row_builder.hpp"

namespace neumf::preprocess {

// What a column may be read as.
enum class CellKind { whole, decimal, text, instant, other };

// Of dictionaries the kind of their values. Lists, structs, times of day, durations and so on are `other`.
CellKind cell_kind(const arrow::DataType& type);

// Renders the cells of one array.
class Cells {
 public:
  // `as_seconds`: instants are seconds since 1970, with a fraction, otherwise as in ISO 8601.
  Cells(const arrow::Array& array, bool as_seconds) : array_(array), as_seconds_(as_seconds) {}

  // Empty where the cell is null. Whole numbers have no fraction whatever their type: 7.0 is "7". The text is
  // one of the array or, where it is marked as temporary, valid until the next call.
  FieldText at(std::int64_t row) { return at(array_, row); }

 private:
  FieldText at(const arrow::Array& array, std::int64_t row);
  template <class T>
  FieldText number(T value);
  FieldText instant(std::int64_t value, std::int64_t per_second);
  FieldText rendered(std::string text);

  const arrow::Array& array_;
  bool as_seconds_;
  std::string buffer_;
};

}  // namespace neumf::preprocess
