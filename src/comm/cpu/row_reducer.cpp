#include "neumf/comm/row_reducer.hpp"

#include <algorithm>
#include <vector>

#include "neumf/comm/mpi_type.hpp"
#include "neumf/core/error.hpp"
#include "row_set.hpp"

namespace neumf {
namespace {

// Elements that are packed and summed at once: in a cache, and a small part of the tables.
constexpr std::int64_t packed_at_once = std::int64_t{1} << 20;

class MpiRowReducer final : public RowReducer<Cpu> {
 public:
  MpiRowReducer(const Communicator& communicator, std::int64_t rows)
      : communicator_(communicator), rows_(rows), touched_(rows) {}

  bool in_use() const override { return true; }

  void touch(Context<Cpu>& /*context*/, std::span<const std::uint32_t> rows) override {
    for (const std::uint32_t row : rows) touched_.add(row);
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
    if (3 * static_cast<std::int64_t>(touched_.rows().size()) > 2 * rows_)
      sum_whole(tables);
    else if (width > 0)
      sum_rows(tables, width);
    return touched_.rows();
  }

 private:
  // Collects what any rank has touched.
  void unite() {
    in_mpi_pieces(touched_.touched(), std::size_t{1} << 24, [&](std::uint64_t* data, int count) {
      check_mpi(
          MPI_Allreduce(MPI_IN_PLACE, data, count, mpi_type<std::uint64_t>(), MPI_BOR, communicator_.mpi()),
          "MPI_Allreduce");
    });
    bytes_ += touched_.touched().size_bytes();
    touched_.collect();
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
    const std::span all(touched_.rows());
    for (std::size_t first = 0; first < all.size(); first += at_once) {
      const auto rows = all.subspan(first, std::min(at_once, all.size() - first));
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
  RowSet touched_;  // after unite() by any rank
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
