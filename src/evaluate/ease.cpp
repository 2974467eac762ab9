#include "neumf/evaluate/ease.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "neumf/core/error.hpp"
#include "neumf/data/users_of_items.hpp"

// LAPACK's own names and types. The lower triangle of a matrix by columns is the upper one by rows.
extern "C" {
void dpotrf_(const char* triangle, const int* n, double* a, const int* lda, int* info, std::size_t length);
void dpotri_(const char* triangle, const int* n, double* a, const int* lda, int* info, std::size_t length);
}

namespace neumf {
namespace {

// Bytes that this machine can give without swapping, or no limit where it does not say.
std::uint64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  for (std::string name, unit; file >> name;) {
    std::uint64_t kibibytes = 0;
    file >> kibibytes;
    std::getline(file, unit);
    if (name == "MemAvailable:") return kibibytes * 1024;
  }
  return std::numeric_limits<std::uint64_t>::max();
}

void require_memory(const Communicator& communicator, std::uint64_t items) {
  // The matrix that rank 0 inverts, and the weights on each rank.
  const auto ranks = communicator.node_allgather(communicator.rank());
  const std::uint64_t inverse = std::find(ranks.begin(), ranks.end(), 0) != ranks.end() ? 8 : 0;
  const std::uint64_t needed =
      items * items * (inverse + 4 * static_cast<std::uint64_t>(communicator.node_size()));
  const std::uint64_t free = available_memory();
  require(
      items <= std::numeric_limits<std::int32_t>::max() && needed < free,
      "EASE on a catalogue of {} items needs {:.1f} GiB for its matrix of items by items on a machine that "
      "has {:.1f} GiB free: leave it out, use fewer ranks on a machine, or keep fewer items "
      "(neumf-preprocess --min_item_ratings)",
      items, static_cast<double>(needed) / 0x1p30, static_cast<double>(free) / 0x1p30);
}

// The upper triangle of X^T X + regularisation I.
Tensor<double, Cpu> gram(const Context<Cpu>& context, const Shard& all, std::uint32_t items,
                         double regularisation) {
  Tensor<double, Cpu> out(items, items);
  const UsersOfItems transposed(all, items);
#pragma omp parallel for num_threads(context.threads()) schedule(dynamic, 16)
  for (std::uint32_t i = 0; i < items; ++i) {
    double* row = out.matrix().row(i);
    std::fill(row, row + items, 0.0);
    for (const std::uint32_t user : transposed.of(i)) {
      // Of the user's ascending items, those from i on.
      const auto begin = all.items.begin() + static_cast<std::ptrdiff_t>(all.offsets[user]);
      const auto end = all.items.begin() + static_cast<std::ptrdiff_t>(all.offsets[user + 1]);
      for (auto item = std::lower_bound(begin, end, i); item != end; ++item) row[*item] += 1;
    }
    row[i] += regularisation;
  }
  return out;
}

}  // namespace

Ease::Ease(Context<Cpu>& context, const Communicator& communicator, const Shard& all, std::uint32_t items,
           double regularisation) {
  communicator.together([&] {
    require_memory(communicator, items);
    weights_ = Tensor<float, Cpu>(items, items);
    if (!communicator.is_root()) return;
    Tensor<double, Cpu> inverse = gram(context, all, items, regularisation);
    const int n = static_cast<int>(items);
    int info = 0;
    dpotrf_("L", &n, inverse.data(), &n, &info, 1);
    require(info == 0,
            "EASE: the items' matrix has no Cholesky factor (dpotrf: {}): use a larger "
            "--ease_regularisation",
            info);
    dpotri_("L", &n, inverse.data(), &n, &info, 1);
    require(info == 0, "EASE: the items' matrix cannot be inverted (dpotri: {})", info);
    const Matrix<double> p = inverse.matrix();
#pragma omp parallel for num_threads(context.threads()) schedule(dynamic, 16)
    for (std::int64_t i = 0; i < items; ++i)
      for (std::int64_t j = 0; j < items; ++j)
        weights_.matrix().row(i)[j] =
            i == j ? 0.0f : static_cast<float>(-(i < j ? p.row(i)[j] : p.row(j)[i]) / p.row(j)[j]);
  });
  communicator.broadcast(std::as_writable_bytes(weights_.span()));
}

void Ease::score(std::span<const std::uint32_t> user_items, std::span<float> scores) const {
  std::fill(scores.begin(), scores.end(), 0.0f);
  for (const std::uint32_t item : user_items) {
    const float* row = weights_.matrix().row(item);
#pragma omp simd
    for (std::size_t i = 0; i < scores.size(); ++i) scores[i] += row[i];
  }
}

}  // namespace neumf
