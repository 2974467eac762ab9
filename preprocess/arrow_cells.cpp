#include "arrow_cells.hpp"

#include <fmt/format.h>

#include <charconv>
#include <type_traits>

namespace neumf::preprocess {
namespace {

constexpr std::int64_t seconds_per_day = 86'400;

std::int64_t per_second(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return 1;
    case arrow::TimeUnit::MILLI:
      return 1'000;
    case arrow::TimeUnit::MICRO:
      return 1'000'000;
    default:
      return 1'000'000'000;
  }
}

// The digits behind the point, without zeros at the end.
std::string fraction_text(std::int64_t part, std::int64_t per_second) {
  if (part == 0) return "";
  std::string digits = std::to_string(per_second + part).replace(0, 1, ".");
  digits.resize(digits.find_last_not_of('0') + 1);
  return digits;
}

// "12.500" to "12.5", "12.000" to "12".
std::string without_zeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.resize(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

bool is_uuid(const arrow::DataType& type) {
  return type.id() == arrow::Type::FIXED_SIZE_BINARY &&
         static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width() == 16;
}

std::string uuid_text(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(bytes[i]));
  }
  return text;
}

}  // namespace

CellKind cell_kind(const arrow::DataType& type) {
  using T = arrow::Type;
  switch (type.id()) {
    case T::NA:  // nothing but nulls
    case T::INT8:
    case T::INT16:
    case T::INT32:
    case T::INT64:
    case T::UINT8:
    case T::UINT16:
    case T::UINT32:
    case T::UINT64:
      return CellKind::whole;
    case T::FLOAT:
    case T::DOUBLE:
    case T::DECIMAL128:
    case T::DECIMAL256:
      return CellKind::decimal;
    case T::STRING:
    case T::LARGE_STRING:
    case T::STRING_VIEW:
    case T::BINARY:
    case T::LARGE_BINARY:
    case T::BINARY_VIEW:
      return CellKind::text;
    case T::FIXED_SIZE_BINARY:
      return is_uuid(type) ? CellKind::text : CellKind::other;
    case T::TIMESTAMP:
    case T::DATE32:
    case T::DATE64:
      return CellKind::instant;
    case T::DICTIONARY:
      return cell_kind(*static_cast<const arrow::DictionaryType&>(type).value_type());
    case T::EXTENSION:
      return cell_kind(*static_cast<const arrow::ExtensionType&>(type).storage_type());
    default:
      return CellKind::other;
  }
}

FieldText Cells::rendered(std::string text) {
  buffer_ = std::move(text);
  return {buffer_, false, true};
}

template <class T>
FieldText Cells::number(T value) {
  buffer_.resize(512);  // the longest is a double without an exponent
  char* const begin = buffer_.data();
  std::to_chars_result result{};
  if constexpr (std::is_floating_point_v<T>)
    result = std::to_chars(begin, begin + buffer_.size(), value, std::chars_format::fixed);
  else
    result = std::to_chars(begin, begin + buffer_.size(), value);
  return {{begin, static_cast<std::size_t>(result.ptr - begin)}, false, true};
}

FieldText Cells::instant(std::int64_t value, std::int64_t per_second) {
  const std::int64_t whole = value / per_second, part = value % per_second;
  if (as_seconds_) {
    if (part == 0) return number(whole);
    const std::string text = std::to_string(whole < 0 ? -whole : whole);
    return rendered((value < 0 ? "-" : "") + text + fraction_text(part < 0 ? -part : part, per_second));
  }
  const Time time{part < 0 ? whole - 1 : whole, 0};
  const std::int64_t of_day = ((time.seconds % seconds_per_day) + seconds_per_day) % seconds_per_day;
  return rendered(fmt::format("{} {:02}:{:02}:{:02}{}", date_text(time, TimeUnit::seconds), of_day / 3600,
                              of_day / 60 % 60, of_day % 60,
                              fraction_text(part < 0 ? part + per_second : part, per_second)));
}

FieldText Cells::at(const arrow::Array& array, std::int64_t row) {
  using T = arrow::Type;
  if (array.IsNull(row)) return {};
  switch (array.type_id()) {
    case T::INT8:
      return number(static_cast<const arrow::Int8Array&>(array).Value(row));
    case T::INT16:
      return number(static_cast<const arrow::Int16Array&>(array).Value(row));
    case T::INT32:
      return number(static_cast<const arrow::Int32Array&>(array).Value(row));
    case T::INT64:
      return number(static_cast<const arrow::Int64Array&>(array).Value(row));
    case T::UINT8:
      return number(static_cast<const arrow::UInt8Array&>(array).Value(row));
    case T::UINT16:
      return number(static_cast<const arrow::UInt16Array&>(array).Value(row));
    case T::UINT32:
      return number(static_cast<const arrow::UInt32Array&>(array).Value(row));
    case T::UINT64:
      return number(static_cast<const arrow::UInt64Array&>(array).Value(row));
    case T::FLOAT:
      return number(static_cast<const arrow::FloatArray&>(array).Value(row));
    case T::DOUBLE:
      return number(static_cast<const arrow::DoubleArray&>(array).Value(row));
    case T::DECIMAL128:
      return rendered(without_zeros(static_cast<const arrow::Decimal128Array&>(array).FormatValue(row)));
    case T::DECIMAL256:
      return rendered(without_zeros(static_cast<const arrow::Decimal256Array&>(array).FormatValue(row)));
    case T::BOOL:
      return {static_cast<const arrow::BooleanArray&>(array).Value(row) ? "true" : "false"};
    case T::STRING:
    case T::BINARY:
      return {static_cast<const arrow::BinaryArray&>(array).GetView(row)};
    case T::LARGE_STRING:
    case T::LARGE_BINARY:
      return {static_cast<const arrow::LargeBinaryArray&>(array).GetView(row)};
    case T::STRING_VIEW:
    case T::BINARY_VIEW:
      return {static_cast<const arrow::BinaryViewArray&>(array).GetView(row)};
    case T::FIXED_SIZE_BINARY:
      return is_uuid(*array.type())
                 ? rendered(uuid_text(static_cast<const arrow::FixedSizeBinaryArray&>(array).GetView(row)))
                 : FieldText{"{...}"};
    case T::TIMESTAMP:
      return instant(static_cast<const arrow::TimestampArray&>(array).Value(row),
                     per_second(static_cast<const arrow::TimestampType&>(*array.type()).unit()));
    case T::DATE32:
      return instant(static_cast<const arrow::Date32Array&>(array).Value(row) * seconds_per_day, 1);
    case T::DATE64:
      return instant(static_cast<const arrow::Date64Array&>(array).Value(row), 1'000);
    case T::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
      return at(*dictionary.dictionary(), dictionary.GetValueIndex(row));
    }
    case T::EXTENSION:
      return at(*static_cast<const arrow::ExtensionArray&>(array).storage(), row);
    default:
      return {"{...}"};
  }
}

}  // namespace neumf::preprocess
