#include "neumf/comm/row_reducer.hpp"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "neumf/comm/mpi_type.hpp"
#include "neumf/core/error.hpp"

namespace neumf {
namespace {

// Elements that are packed and summed at once: in a cache, and a small part of the tables.
constexpr std::int64_t packed_at_once = std::int64_t{1} << 20;

class MpiRowReducer final : public RowReducer<Cpu> {
 public:
  MpiRowReducer(const Communicator& communicator, std::int64_t rows)
      : communicator_(communicator),
        rows_(rows),
        touched_(static_cast<std::size_t>((rows + word_bits - 1) / word_bits)) {}

  bool in_use() const override { return true; }

  void touch(Context<Cpu>& /*context*/, std::span<const std::uint32_t> rows) override {
    for (const std::uint32_t row : rows) touched_[row / word_bits] |= std::uint64_t{1} << row % word_bits;
  }

  std::span<const std::uint32_t> sum(Context<Cpu>& /*context*/,
                                     std::span<const Matrix<float>> tables) override {
    unite();
    std::int64_t width = 0;
    for (const auto& t : tables) {
      require(t.rows == rows_, "a table of {} rows where the exchange is for {}", t.rows, rows_);
      width += t.cols;
    }
    // Packing reads and writes what it sends twice more.
    if (3 * static_cast<std::int64_t>(union_.size()) > 2 * rows_)
      sum_whole(tables);
    else if (width > 0)
      sum_rows(tables, width);
    return union_;
  }

 private:
  static constexpr std::uint32_t word_bits = 64;

  // Fills union_ with what any rank has touched.
  void unite() {
    in_mpi_pieces(std::span(touched_), std::size_t{1} << 24, [&](std::uint64_t* data, int count) {
      check_mpi(
          MPI_Allreduce(MPI_IN_PLACE, data, count, mpi_type<std::uint64_t>(), MPI_BOR, communicator_.mpi()),
          "MPI_Allreduce");
    });
    bytes_ += touched_.size() * sizeof(std::uint64_t);
    union_.clear();
    for (std::size_t word = 0; word < touched_.size(); ++word)
      for (std::uint64_t bits = std::exchange(touched_[word], 0); bits != 0; bits &= bits - 1)
        union_.push_back(static_cast<std::uint32_t>(word * word_bits) +
                         static_cast<std::uint32_t>(std::countr_zero(bits)));
  }

  void sum_whole(std::span<const Matrix<float>> tables) {
    for (const auto& t : tables) {
      const std::span<float> all(t.data, static_cast<std::size_t>(t.rows * t.cols));
      communicator_.allreduce_sum(all);
      bytes_ += all.size_bytes();
    }
  }

  void sum_rows(std::span<const Matrix<float>> tables, std::int64_t width) {
    const auto at_once = static_cast<std::size_t>(std::max<std::int64_t>(packed_at_once / width, 1));
    for (std::size_t first = 0; first < union_.size(); first += at_once) {
      const auto rows = std::span(union_).subspan(first, std::min(at_once, union_.size() - first));
      packed_.resize(rows.size() * static_cast<std::size_t>(width));
      float* at = packed_.data();
      for (const std::uint32_t row : rows)
        for (const auto& t : tables) at = std::copy_n(t.row(row), t.cols, at);
      communicator_.allreduce_sum(std::span(packed_));
      bytes_ += packed_.size() * sizeof(float);
      at = packed_.data();
      for (const std::uint32_t row : rows)
        for (const auto& t : tables) {
          std::copy_n(at, t.cols, t.row(row));
          at += t.cols;
        }
    }
  }

  const Communicator& communicator_;
  std::int64_t rows_;
  std::vector<std::uint64_t> touched_;  // a bit per row
  std::vector<std::uint32_t> union_;
  std::vector<float> packed_;
};

}  // namespace

template <>
std::unique_ptr<RowReducer<Cpu>> make_row_reducer<Cpu>(const Communicator& communicator, std::int64_t rows,
                                                       std::uint64_t reads) {
  if (communicator.size() == 1 || reads >= 2 * static_cast<std::uint64_t>(rows))
    return std::make_unique<RowReducer<Cpu>>();
  return std::make_unique<MpiRowReducer>(communicator, rows);
}

}  // namespace neumf
