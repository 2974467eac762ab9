#include "neumf/serve/similar_items.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "neumf/core/error.hpp"
#include "neumf/ops/linear.hpp"
#include "neumf/ops/top_k.hpp"

namespace neumf::serve {
namespace {

constexpr std::int64_t block_items = 8192;  // scored at a time

// Scales every row to length 1.
void normalise(Matrix<float> rows) {
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    float* row = rows.row(r);
    double squares = 0;
    for (std::int64_t c = 0; c < rows.cols; ++c) squares += double{row[c]} * double{row[c]};
    if (squares == 0) continue;
    const double scale = 1 / std::sqrt(squares);
    for (std::int64_t c = 0; c < rows.cols; ++c) row[c] = static_cast<float>(row[c] * scale);
  }
}

}  // namespace

SimilarItems::SimilarItems(const CheckpointReader& checkpoint, Embedding embedding,
                           std::vector<std::uint32_t> candidates)
    : candidates_(std::move(candidates)) {
  const ParameterLayout layout(checkpoint.shape(), 0);
  std::vector<const Segment*> tables;
  if (embedding != Embedding::mlp) tables.push_back(&layout.item_gmf);
  if (embedding != Embedding::gmf) tables.push_back(&layout.item_mlp);
  std::int64_t width = 0;
  for (const Segment* table : tables) {
    require(!table->empty(), "{}: the model has no {} embeddings of items; choose the other with --embedding",
            checkpoint.path().string(), table == &layout.item_gmf ? "GMF" : "MLP");
    width += table->cols;
  }
  all_ = Tensor<float, Cpu>(checkpoint.shape().items, width);
  std::int64_t column = 0;
  for (const Segment* table : tables) {
    const auto values = checkpoint.read(*table);
    for (std::int64_t item = 0; item < table->rows; ++item)
      std::copy_n(values.begin() + item * table->cols, table->cols, all_.matrix().row(item) + column);
    column += table->cols;
  }
  normalise(all_.matrix());
  if (candidates_.empty()) return;
  candidate_vectors_ = Tensor<float, Cpu>(static_cast<std::int64_t>(candidates_.size()), width);
  for (std::size_t i = 0; i < candidates_.size(); ++i)
    std::copy_n(all_.matrix().row(candidates_[i]), width,
                candidate_vectors_.matrix().row(static_cast<std::int64_t>(i)));
}

Ranking SimilarItems::nearest(Context<Cpu>& context, std::span<const std::uint32_t> items,
                              std::int64_t topk) const {
  const Matrix<const float> found = candidates_.empty() ? Matrix<const float>(all_.matrix())
                                                        : Matrix<const float>(candidate_vectors_.matrix());
  const auto count = static_cast<std::int64_t>(items.size());
  Tensor<float, Cpu> wanted(count, found.cols), cosines(count, std::min(block_items, found.rows));
  // An item is not recommended beside itself.
  std::vector<std::uint64_t> offsets{0};
  std::vector<std::uint32_t> itself;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t item = items[static_cast<std::size_t>(i)];
    std::copy_n(all_.matrix().row(item), found.cols, wanted.matrix().row(i));
    const auto place = std::lower_bound(candidates_.begin(), candidates_.end(), item);
    if (candidates_.empty())
      itself.push_back(item);
    else if (place != candidates_.end() && *place == item)
      itself.push_back(static_cast<std::uint32_t>(place - candidates_.begin()));
    offsets.push_back(itself.size());
  }
  Ranking ranking{std::vector<std::uint32_t>(items.size() * static_cast<std::size_t>(topk)),
                  std::vector<float>(items.size() * static_cast<std::size_t>(topk))};
  const ops::TopK best{{ranking.scores.data(), count, topk}, {ranking.items.data(), count, topk}};
  ops::top_k_clear(context, best);
  for (std::int64_t first = 0; first < found.rows; first += block_items) {
    const std::int64_t block = std::min(block_items, found.rows - first);
    const Matrix<float> scores{cosines.data(), count, block};
    ops::matmul_nt(context, Matrix<const float>(wanted.matrix()), found.slice(first, block),
                   ops::Write::overwrite, scores);
    ops::exclude_items(context, offsets.data(), itself.data(), static_cast<std::uint32_t>(first), scores);
    ops::top_k_merge(context, Matrix<const float>(scores), static_cast<std::uint32_t>(first), best);
  }
  ops::top_k_finish(context, best);
  if (!candidates_.empty())
    for (std::uint32_t& item : ranking.items)
      if (item != ops::no_item) item = candidates_[item];
  return ranking;
}

}  // namespace neumf::serve
