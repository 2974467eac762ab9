#include "neumf/comm/row_exchange.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "neumf/comm/mpi_type.hpp"
#include "neumf/core/error.hpp"
#include "row_set.hpp"

namespace neumf {
namespace {

// Distinct rows, and their positions among them.
class PlacedRows {
 public:
  explicit PlacedRows(std::int64_t bound) : set_(bound), places_(static_cast<std::size_t>(bound)) {}

  void add(std::uint32_t row) { set_.add(row); }
  void collect() {
    set_.collect();
    for (std::uint32_t place = 0; place < rows().size(); ++place) places_[rows()[place]] = place;
  }
  const std::vector<std::uint32_t>& rows() const { return set_.rows(); }
  // Of one of rows().
  std::uint32_t place(std::uint32_t row) const { return places_[row]; }
  std::size_t memory() const { return set_.memory() + places_.capacity() * sizeof(std::uint32_t); }

 private:
  RowSet set_;
  std::vector<std::uint32_t> places_;
};

// Elements for each rank, one after the other.
struct Blocks {
  std::vector<int> counts, begins;

  explicit Blocks(std::vector<int> of_rows, std::int64_t width = 1) : counts(std::move(of_rows)) {
    std::int64_t begin = 0;
    for (int& count : counts) {
      begins.push_back(mpi_count(static_cast<std::size_t>(begin)));
      begin += count * width;
      count = mpi_count(static_cast<std::size_t>(count * width));
    }
  }
};

class MpiRowExchange final : public RowExchange<Cpu> {
 public:
  MpiRowExchange(const Communicator& communicator, std::int64_t rows)
      : communicator_(communicator),
        rows_(rows),
        share_(row_share(rows, communicator.rank(), communicator.size())),
        wanted_(rows),
        asked_(share_.size()),
        wanted_from_(static_cast<std::size_t>(communicator.size())),
        asked_by_(wanted_from_.size()) {}

  void ask(Context<Cpu>& context, std::span<const std::uint32_t> ids,
           std::span<std::uint32_t> places) override {
    for (const std::uint32_t id : ids) wanted_.add(id);
    wanted_.collect();
    const auto count = static_cast<std::int64_t>(ids.size());
#pragma omp parallel for num_threads(context.threads())
    for (std::int64_t i = 0; i < count; ++i)
      places[static_cast<std::size_t>(i)] = wanted_.place(ids[static_cast<std::size_t>(i)]);
    ask_owners();
    for (const std::uint32_t row : requests_) asked_.add(row - static_cast<std::uint32_t>(share_.first));
    asked_.collect();
    for (std::uint32_t& row : requests_) row = asked_.place(row - static_cast<std::uint32_t>(share_.first));
  }

  std::span<const std::uint32_t> wanted() const override {
    return wanted_.rows();
  }
  std::span<const std::uint32_t> asked() const override {
    return asked_.rows();
  }

  void fetch(Context<Cpu>& context, std::span<const Matrix<const float>> kept,
             std::span<const Matrix<float>> to) override {
    for (std::size_t t = 0; t < kept.size(); ++t) {
      const auto& table = kept[t];
      check(table, share_.size(), to[t], static_cast<std::int64_t>(wanted().size()));
      const auto count = static_cast<std::int64_t>(requests_.size());
      packed_.resize(requests_.size() * static_cast<std::size_t>(table.cols));
#pragma omp parallel for num_threads(context.threads())
      for (std::int64_t i = 0; i < count; ++i)
        std::copy_n(table.row(asked()[requests_[static_cast<std::size_t>(i)]]), table.cols,
                    packed_.data() + i * table.cols);
      // What is wanted is ascending, so what an owner sends of it is in one piece.
      exchange(static_cast<const float*>(packed_.data()), asked_by_, to[t].data, wanted_from_, table.cols);
    }
  }

  void give(Context<Cpu>& context, std::span<const Matrix<const float>> from,
            std::span<const Matrix<float>> sums) override {
    for (std::size_t t = 0; t < from.size(); ++t) {
      const auto& table = sums[t];
      check(from[t], static_cast<std::int64_t>(wanted().size()), table,
            static_cast<std::int64_t>(asked().size()));
      packed_.resize(requests_.size() * static_cast<std::size_t>(table.cols));
      exchange(from[t].data, wanted_from_, packed_.data(), asked_by_, table.cols);
      const auto rows = static_cast<std::int64_t>(asked().size());
      const auto threads = static_cast<std::int64_t>(context.threads());
#pragma omp parallel for num_threads(context.threads())
      for (std::int64_t thread = 0; thread < threads; ++thread) {
        const std::int64_t begin = rows * thread / threads, end = rows * (thread + 1) / threads;
        std::fill(table.row(begin), table.row(end), 0.0f);
        const float* value = packed_.data();
        for (std::size_t i = 0; i < requests_.size(); ++i, value += table.cols) {
          const std::int64_t row = requests_[i];
          if (row < begin || row >= end) continue;
          float* sum = table.row(row);
          for (std::int64_t col = 0; col < table.cols; ++col) sum[col] += value[col];
        }
      }
    }
  }

  std::size_t memory() const override {
    return wanted_.memory() + asked_.memory() + requests_.capacity() * sizeof(std::uint32_t) +
           packed_.capacity() * sizeof(float);
  }

 private:
  static void check(const Matrix<const float>& from, std::int64_t from_rows, const Matrix<float>& to,
                    std::int64_t to_rows) {
    require(from.rows >= from_rows && to.rows >= to_rows && from.cols == to.cols,
            "an exchange of rows from {} x {} to {} x {}, which needs {} and {} rows", from.rows, from.cols,
            to.rows, to.cols, from_rows, to_rows);
  }

  // Fills requests_ with what each rank wants of this rank's rows.
  void ask_owners() {
    auto begin = wanted().begin();
    for (int rank = 0; rank < communicator_.size(); ++rank) {
      const RowShare theirs = row_share(rows_, rank, communicator_.size());
      const auto end = std::lower_bound(begin, wanted().end(), theirs.last, [](std::uint32_t row, auto last) {
        return static_cast<std::int64_t>(row) < last;
      });
      wanted_from_[static_cast<std::size_t>(rank)] = static_cast<int>(end - begin);
      begin = end;
    }
    check_mpi(
        MPI_Alltoall(wanted_from_.data(), 1, MPI_INT, asked_by_.data(), 1, MPI_INT, communicator_.mpi()),
        "MPI_Alltoall");
    std::size_t requests = 0;
    for (const int count : asked_by_) requests += static_cast<std::size_t>(count);
    requests_.resize(requests);
    bytes_ += (wanted_from_.size() - 1) * sizeof(int);
    exchange(wanted().data(), wanted_from_, requests_.data(), asked_by_, 1);
  }

  // Sends each rank its rows of `from`, and receives into `to`.
  template <class T>
  void exchange(const T* from, const std::vector<int>& sent, T* to, const std::vector<int>& received,
                std::int64_t width) {
    const Blocks out(sent, width), in(received, width);
    check_mpi(MPI_Alltoallv(from, out.counts.data(), out.begins.data(), mpi_type<T>(), to, in.counts.data(),
                            in.begins.data(), mpi_type<T>(), communicator_.mpi()),
              "MPI_Alltoallv");
    for (int rank = 0; rank < communicator_.size(); ++rank)
      if (rank != communicator_.rank())
        bytes_ += static_cast<std::uint64_t>(out.counts[static_cast<std::size_t>(rank)]) * sizeof(T);
  }

  const Communicator& communicator_;
  std::int64_t rows_;
  RowShare share_;
  PlacedRows wanted_, asked_;
  std::vector<int> wanted_from_, asked_by_;  // rows by rank
  std::vector<std::uint32_t> requests_;      // by rank: positions in asked()
  std::vector<float> packed_;
};

}  // namespace

template <>
bool exchanges_rows<Cpu>() {
  return true;
}

template <>
std::unique_ptr<RowExchange<Cpu>> make_row_exchange<Cpu>(const Communicator& communicator,
                                                         std::int64_t rows) {
  return std::make_unique<MpiRowExchange>(communicator, rows);
}

}  // namespace neumf
