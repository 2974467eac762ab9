// Arrays in double precision, blocks of samples, and results with what bounds their errors.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace neumf::reference {

using Index = std::int64_t;

struct Array {
  Index rows = 0, cols = 0;
  std::vector<double> values;

  Array() = default;
  explicit Array(Index r, Index c = 1, double fill = 0.0)
      : rows(r), cols(c), values(static_cast<std::size_t>(r * c), fill) {}

  double& operator()(Index r, Index c = 0) { return values[static_cast<std::size_t>(r * cols + c)]; }
  double operator()(Index r, Index c = 0) const { return values[static_cast<std::size_t>(r * cols + c)]; }
  Index size() const { return rows * cols; }
};

// A result, and what bounds the error of computing it in lower precision.
struct Result {
  Array value;
  Array magnitude;  // sum of the absolute values of the terms that were added up (in fp32)
  Array rounded;    // sum of the absolute values of what was rounded to the storage type on the way
  Index terms = 1;  // the most terms in any sum

  Result() = default;
  Result(Index rows, Index cols) : Result(Array(rows, cols)) {}
  // A sum that starts from what is there.
  explicit Result(const Array& initial) : value(initial), magnitude(initial), rounded(initial) {
    for (double& x : magnitude.values) x = std::fabs(x);
    std::fill(rounded.values.begin(), rounded.values.end(), 0.0);
  }

  void add(Index r, Index c, double term, double term_magnitude) {
    value(r, c) += term;
    magnitude(r, c) += term_magnitude;
  }
  void add(Index r, Index c, double term) { add(r, c, term, std::fabs(term)); }
  // The value is rounded once, when it is stored.
  Result& stored(Index sum_terms) {
    terms = sum_terms;
    for (std::size_t i = 0; i < value.values.size(); ++i) rounded.values[i] += std::fabs(value.values[i]);
    return *this;
  }
};

// ops/batch.hpp
struct Batch {
  Index groups = 0;
  Index group_size = 1;
  std::vector<std::uint32_t> users, items;
  std::vector<std::uint64_t> ids;
  std::vector<std::uint8_t> labels;

  Index samples() const { return groups * group_size; }
  Index user(Index s) const { return users[static_cast<std::size_t>(s / group_size)]; }
  Index item(Index s) const { return items[static_cast<std::size_t>(s)]; }
  double label(Index s) const { return labels[static_cast<std::size_t>(s)] != 0 ? 1.0 : 0.0; }
  std::uint64_t id(Index s) const {
    return ids[static_cast<std::size_t>(s / group_size)] + static_cast<std::uint64_t>(s % group_size);
  }
};

}  // namespace neumf::reference
