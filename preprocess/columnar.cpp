#include "columnar.hpp"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>

#include <algorithm>
#include <numeric>

#include "arrow_cells.hpp"
#include "columns.hpp"
#include "neumf/core/error.hpp"
#include "table_sample.hpp"

namespace neumf::preprocess {
namespace {

constexpr std::int64_t rows_of_block = 1 << 16;

// The rows of a file, some columns of them, in batches.
class Batches {
 public:
  Batches(std::string name, const char* kind) : name_(std::move(name)), kind_(kind) {}
  Batches(const Batches&) = delete;
  Batches& operator=(const Batches&) = delete;
  virtual ~Batches() = default;

  virtual std::shared_ptr<arrow::Schema> schema() = 0;
  // Starts anew at the first row. `columns`: of the schema, ascending; batches have these alone.
  virtual void start(const std::vector<int>& columns, std::int64_t rows_at_once) = 0;
  // The next batch, or null after the last one.
  virtual std::shared_ptr<arrow::RecordBatch> next() = 0;
  virtual std::uint64_t rows() const = 0;

 protected:
  // Calls `work`; whatever Arrow says is wrong is an error of this file.
  template <class Work>
  auto guarded(const Work& work) -> decltype(work()) {
    try {
      return work();
    } catch (const Error&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      damaged(error.what());
    }
  }
  void check(const arrow::Status& status) const {
    if (!status.ok()) damaged(status.message());
  }
  template <class T>
  T taken(arrow::Result<T> result) const {
    check(result.status());
    return std::move(result).ValueUnsafe();
  }

 private:
  [[noreturn]] void damaged(const std::string& message) const {
    fail("{}: is {} that cannot be read: {}. Is it complete?", name_, kind_,
         message.substr(0, message.find('\n')));
  }

  std::string name_;
  const char* kind_;
};

class ParquetBatches final : public Batches {
 public:
  explicit ParquetBatches(const std::filesystem::path& path) : Batches(path.string(), "a Parquet file") {
    guarded([&] {
      // Pages are read as they are needed: row groups may be of any size.
      parquet::ReaderProperties reading = parquet::default_reader_properties();
      reading.enable_buffered_stream();
      parquet::ArrowReaderProperties properties;
      properties.set_pre_buffer(false);
      // Nanoseconds would wrap around before 1678 and after 2261.
      properties.set_coerce_int96_timestamp_unit(arrow::TimeUnit::MICRO);
      parquet::arrow::FileReaderBuilder builder;
      check(builder.OpenFile(path.string(), false, reading));
      builder.properties(properties);
      check(builder.Build(&file_));
    });
  }
  std::shared_ptr<arrow::Schema> schema() override {
    return guarded([&] {
      std::shared_ptr<arrow::Schema> schema;
      check(file_->GetSchema(&schema));
      return schema;
    });
  }
  void start(const std::vector<int>& columns, std::int64_t rows_at_once) override {
    guarded([&] {
      std::vector<int> leaves, groups(static_cast<std::size_t>(file_->num_row_groups()));
      for (const int column : columns)
        leaves.push_back(file_->manifest().schema_fields[static_cast<std::size_t>(column)].column_index);
      std::iota(groups.begin(), groups.end(), 0);
      file_->set_batch_size(rows_at_once);
      batches_ = taken(file_->GetRecordBatchReader(groups, leaves));
    });
  }
  std::shared_ptr<arrow::RecordBatch> next() override {
    return guarded([&] { return taken(batches_->Next()); });
  }
  std::uint64_t rows() const override {
    return static_cast<std::uint64_t>(file_->parquet_reader()->metadata()->num_rows());
  }

 private:
  std::unique_ptr<parquet::arrow::FileReader> file_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
};

// A file of Arrow IPC, or what was written of a stream. Memory is mapped, so that batches that are not
// compressed take none; of compressed ones one is in memory.
class IpcBatches final : public Batches {
 public:
  explicit IpcBatches(const std::filesystem::path& path) : Batches(path.string(), "an Arrow IPC file") {
    guarded([&] {
      bytes_ = taken(arrow::io::MemoryMappedFile::Open(path.string(), arrow::io::FileMode::READ));
      const auto magic = taken(bytes_->ReadAt(0, 6));
      is_file_ = magic->ToString() == "ARROW1";
      open(arrow::ipc::IpcReadOptions::Defaults());
      schema_ = is_file_ ? file_->schema() : stream_->schema();
      if (is_file_) rows_ = static_cast<std::uint64_t>(taken(file_->CountRows()));
    });
  }
  std::shared_ptr<arrow::Schema> schema() override { return schema_; }
  void start(const std::vector<int>& columns, std::int64_t rows_at_once) override {
    guarded([&] {
      auto options = arrow::ipc::IpcReadOptions::Defaults();
      options.included_fields = columns;
      open(options);
      next_ = 0;
      rows_at_once_ = rows_at_once;
      rest_ = nullptr;
    });
  }
  std::shared_ptr<arrow::RecordBatch> next() override {
    return guarded([&]() -> std::shared_ptr<arrow::RecordBatch> {
      while (rest_ == nullptr || rest_->num_rows() == 0) {
        if (is_file_ && next_ == file_->num_record_batches()) return nullptr;
        rest_ = is_file_ ? taken(file_->ReadRecordBatch(next_++)) : taken(stream_->Next());
        if (rest_ == nullptr) return nullptr;
        check(rest_->ValidateFull());  // offsets and lengths of a damaged file lead anywhere
      }
      auto batch = rest_->Slice(0, rows_at_once_);
      rest_ = rest_->Slice(batch->num_rows());
      return batch;
    });
  }
  std::uint64_t rows() const override { return rows_; }

 private:
  void open(const arrow::ipc::IpcReadOptions& options) {
    check(bytes_->Seek(0));
    if (is_file_)
      file_ = taken(arrow::ipc::RecordBatchFileReader::Open(bytes_, options));
    else
      stream_ = taken(arrow::ipc::RecordBatchStreamReader::Open(bytes_, options));
  }

  std::shared_ptr<arrow::io::MemoryMappedFile> bytes_;
  bool is_file_ = true;
  std::shared_ptr<arrow::ipc::RecordBatchFileReader> file_;
  std::shared_ptr<arrow::ipc::RecordBatchStreamReader> stream_;
  std::shared_ptr<arrow::Schema> schema_;
  std::uint64_t rows_ = 0;
  int next_ = 0;
  std::int64_t rows_at_once_ = 0;
  std::shared_ptr<arrow::RecordBatch> rest_;
};

// Where the columns that are read stand in a batch; -1: not read.
struct Places {
  int user = -1, item = -1, time = -1, rating = -1;
  std::vector<int> keep;
  bool zoned = false, unzoned = false;  // times of Arrow's own types
};

std::string row_text(const arrow::RecordBatch& batch, std::int64_t row) {
  std::string text;
  for (int column = 0; column < batch.num_columns(); ++column)
    text += (column == 0 ? "" : ",") + std::string(Cells(*batch.column(column), false).at(row).text);
  return printable(text);
}

ParsedBlock parse_batch(std::shared_ptr<arrow::RecordBatch> batch, const Places& places,
                        const RatingsFormat& format) {
  ParsedBlock block;
  block.source = batch;  // texts of ids point into it
  block.zoned = places.zoned;
  block.unzoned = places.unzoned;
  block.rows.reserve(static_cast<std::size_t>(batch->num_rows()));
  RowBuilder rows(format, block);
  const auto cells = [&](int column, bool as_seconds = false) {
    return column < 0 ? std::optional<Cells>() : std::optional<Cells>({*batch->column(column), as_seconds});
  };
  auto user = cells(places.user), item = cells(places.item), time = cells(places.time, true),
       rating = cells(places.rating);
  std::vector<Cells> keep_cells;
  for (const int column : places.keep) keep_cells.emplace_back(*batch->column(column), false);
  std::vector<FieldText> keep(keep_cells.size());
  const auto text_of = [](std::optional<Cells>& column, std::int64_t row) {
    return column ? column->at(row) : FieldText{};
  };
  for (std::int64_t row = 0; row < batch->num_rows(); ++row, ++block.lines) {
    const FieldText user_text = text_of(user, row), item_text = text_of(item, row);
    const FieldText time_text = text_of(time, row);
    if (rows.add_digits(user_text.text, item_text.text, time_text.text)) continue;
    for (std::size_t i = 0; i < keep.size(); ++i) keep[i] = keep_cells[i].at(row);
    const bool good = rows.add(user_text, item_text, time_text, text_of(rating, row), keep, {});
    if (block.first_missing && block.first_missing->line == block.lines &&
        block.first_missing->content.empty())
      block.first_missing->content = row_text(*batch, row);
    if (good) continue;
    block.bad->content = row_text(*batch, row);
    break;
  }
  return block;
}

class ArrowFile final : public ColumnarFile {
 public:
  ArrowFile(const std::filesystem::path& path, FormatName kind) : name_(path.string()), kind_(kind) {
    if (kind == FormatName::parquet)
      batches_ = std::make_unique<ParquetBatches>(path);
    else
      batches_ = std::make_unique<IpcBatches>(path);
    schema_ = batches_->schema();
  }

  RatingsFormat format(const ReadOptions& options) override {
    const TableHead head = read_head();
    require(
        options.separator.text.empty() && options.quotes == Quotes::automatic && options.header != Header::no,
        "{}: --separator, --quotes and --header say nothing of a file with typed columns", name_);
    RatingsFormat format = with_options(kind_, options);
    take_roles(format, choose_columns(head, options, name_));
    format.names = head.names;
    format.quotes_given = true;  // there are none
    format.max_columns = 0;
    check_ids(format, format.user_column);
    check_ids(format, format.item_column);
    if (format.has_times()) check_times(format, options);
    choose_places(format);
    return format;
  }

  Work next(const RatingsFormat& format) override {
    auto batch = batches_->next();
    if (batch == nullptr) return {};
    position_ += static_cast<std::uint64_t>(batch->num_rows());
    return [batch = std::move(batch), &places = places_, &format]() mutable {
      return parse_batch(std::move(batch), places, format);
    };
  }
  std::uint64_t rows() const override { return batches_->rows(); }
  std::uint64_t position() const override { return position_; }

 private:
  const arrow::DataType& type_of(int column) const { return *schema_->field(column)->type(); }

  // All columns; what is nested is only named.
  TableHead read_head() {
    TableHead head;
    std::vector<int> flat;
    for (int column = 0; column < schema_->num_fields(); ++column) {
      head.names.push_back(schema_->field(column)->name());
      if (!arrow::is_nested(type_of(column))) flat.push_back(column);
    }
    head.columns = head.names.size();
    require(!flat.empty(), "{}: has no columns of numbers or texts", name_);
    batches_->start(flat, TableSample::most_records);
    const auto batch = batches_->next();
    if (batch == nullptr) return head;
    head.rows.assign(static_cast<std::size_t>(batch->num_rows()),
                     std::vector<std::string>(head.columns, "{...}"));
    for (std::size_t i = 0; i < flat.size(); ++i) {
      Cells cells(*batch->column(static_cast<int>(i)), false);
      for (std::size_t row = 0; row < head.rows.size(); ++row)
        head.rows[row][static_cast<std::size_t>(flat[i])] = cells.at(static_cast<std::int64_t>(row)).text;
    }
    return head;
  }

  void check_ids(RatingsFormat& format, int column) const {
    const CellKind kind = cell_kind(type_of(column));
    require(kind == CellKind::whole || kind == CellKind::decimal || kind == CellKind::text,
            "{}: {} holds {}, which are no ids; name another with --user_column or --item_column", name_,
            format.title(column), type_of(column).ToString());
    if (kind == CellKind::decimal)
      format.notes.push_back(
          fmt::format("{} holds numbers with a fraction ({}); whole ones are read as integers",
                      format.title(column), type_of(column).ToString()));
  }

  void check_times(RatingsFormat& format, const ReadOptions& options) {
    const auto& type = type_of(format.time_column);
    const CellKind kind = cell_kind(type);
    require(kind != CellKind::other, "{}: {} holds {}, which are no times; name another with --time_column",
            name_, format.title(format.time_column), type.ToString());
    if (type.id() == arrow::Type::FLOAT)
      format.notes.push_back(
          fmt::format("warning: {} holds numbers of 32 bits (float): times since 1970 are only known to two "
                      "minutes, and rows of one time keep the order of the file",
                      format.title(format.time_column)));
    if (kind != CellKind::instant) return;
    require(options.time_format.empty(), "{}: {} holds {}, which needs no --time_format", name_,
            format.title(format.time_column), type.ToString());
    format.time_kind = TimeKind::instant;
    const bool zone = type.id() == arrow::Type::TIMESTAMP &&
                      !static_cast<const arrow::TimestampType&>(type).timezone().empty();
    (zone ? places_.zoned : places_.unzoned) = true;
  }

  void choose_places(const RatingsFormat& format) {
    std::vector<int> read;
    const auto want = [&](int column) {
      if (column == RatingsFormat::no_column) return;
      require(!arrow::is_nested(type_of(column)), "{}: {} holds {}, neither texts nor numbers", name_,
              format.title(column), type_of(column).ToString());
      read.push_back(column);
    };
    const int rating = format.min_rating ? format.rating_column : RatingsFormat::no_column;
    for (const int column : {format.user_column, format.item_column, format.time_column, rating})
      want(column);
    for (const int column : format.keep_columns) want(column);
    std::sort(read.begin(), read.end());
    read.erase(std::unique(read.begin(), read.end()), read.end());
    const auto place = [&](int column) {
      return column == RatingsFormat::no_column
                 ? -1
                 : static_cast<int>(std::lower_bound(read.begin(), read.end(), column) - read.begin());
    };
    places_.user = place(format.user_column);
    places_.item = place(format.item_column);
    places_.time = place(format.time_column);
    places_.rating = place(rating);
    for (const int column : format.keep_columns) places_.keep.push_back(place(column));
    batches_->start(read, rows_of_block);
  }

  std::string name_;
  FormatName kind_;
  std::unique_ptr<Batches> batches_;
  std::shared_ptr<arrow::Schema> schema_;
  Places places_;
  std::uint64_t position_ = 0;
};

}  // namespace

bool reads_columnar() {
  return true;
}

std::unique_ptr<ColumnarFile> open_columnar(const std::filesystem::path& path, FormatName kind) {
  return std::make_unique<ArrowFile>(path, kind);
}

}  // namespace neumf::preprocess
