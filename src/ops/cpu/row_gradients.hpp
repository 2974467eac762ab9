// Gradients of embedding rows, added to the tables by the threads that own the rows.
#pragma once

#include <cstdint>
#include <vector>

#include "narrow_layer.hpp"
#include "neumf/core/tensor.hpp"
#include "row_owner.hpp"
#include "vector.hpp"

namespace neumf::cpu {

// The two embedding tables of the users or of the items, where gradients are added.
struct RowTables {
  Matrix<float> mlp, gmf;

  void ask_for(std::uint32_t row) const {
    cpu::prefetch(mlp.row(row), mlp.cols);
    cpu::prefetch(gmf.row(row), gmf.cols);
  }
  // `gradient`: of the MLP's row, padded to whole vectors, and of GMF's.
  void add(std::uint32_t row, const float* gradient) const {
    cpu::add(mlp.row(row), gradient, mlp.cols);
    cpu::add(gmf.row(row), gradient + padded(mlp.cols), gmf.cols);
  }
};

// A thread, as the owner of rows.
struct RowOwner {
  std::uint32_t thread, threads;
  bool operator()(std::uint32_t row) const { return cpu::owner(row, threads) == thread; }
};

// Adds to the rows that `owner` owns.
inline void add_own(const std::uint32_t* ids, std::int64_t count, Rows& values, const RowTables& tables,
                    RowOwner owner) {
  const auto owned = [&](std::int64_t i) { return owner(ids[i]); };
  for_wanted(count, owned, [&](const std::uint32_t* own, std::int64_t n) {
    constexpr std::int64_t ahead = 4;
    for (std::int64_t j = 0; j < n; ++j) {
      if (j + ahead < n) tables.ask_for(ids[own[j + ahead]]);
      tables.add(ids[own[j]], values.row(own[j]));
    }
  });
}

// Gradients of rows that other threads own.
class RowOutbox {
 public:
  // Empties it, for at most `capacity` rows like those of `rows`.
  void reserve(std::int64_t capacity, const Rows& rows) {
    count_ = 0;
    if (static_cast<std::size_t>(capacity) <= ids_.size()) return;
    ids_.resize(static_cast<std::size_t>(capacity));
    values_ = Rows(capacity, rows.stride());
  }
  void put(std::uint32_t id, Rows& from, std::int64_t row) {
    ids_[static_cast<std::size_t>(count_)] = id;
    copy(from.lanes_of(row), values_.vectors(), values_.lanes_of(count_));
    ++count_;
  }
  void add(const RowTables& tables, RowOwner owner) { add_own(ids_.data(), count_, values_, tables, owner); }

 private:
  std::vector<std::uint32_t> ids_;
  Rows values_{0, 0};
  std::int64_t count_ = 0;
};

}  // namespace neumf::cpu
