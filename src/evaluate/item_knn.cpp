#include "neumf/evaluate/item_knn.hpp"

#include <algorithm>
#include <cmath>

#include "neumf/data/users_of_items.hpp"

namespace neumf {
ItemKnn::ItemKnn(Context<Cpu>& context, const Communicator& communicator, const Shard& all,
                 std::uint32_t items, std::uint32_t neighbours) {
  const UsersOfItems transposed(all, items);
  const std::size_t width = std::min(neighbours, items - 1);
  // Row i: the neighbours of item i and their similarities, which are 0 where there are fewer.
  std::vector<std::int32_t> ids(items * width);
  std::vector<float> similarities(items * width);
  const auto ranks = static_cast<std::uint32_t>(communicator.size());
#pragma omp parallel num_threads(context.threads())
  {
    std::vector<std::uint32_t> common(items, 0), touched;
    std::vector<Neighbour> candidates;
    // Items in turn: the popular ones, which cost most, are spread over ranks and threads.
#pragma omp for schedule(dynamic, 16)
    for (std::uint32_t i = static_cast<std::uint32_t>(communicator.rank()); i < items; i += ranks) {
      touched.clear();
      candidates.clear();
      for (std::uint64_t p = transposed.offsets[i]; p < transposed.offsets[i + 1]; ++p) {
        const std::uint32_t user = transposed.users[p];
        for (std::uint64_t q = all.offsets[user]; q < all.offsets[user + 1]; ++q)
          if (common[all.items[q]]++ == 0) touched.push_back(all.items[q]);
      }
      for (const std::uint32_t j : touched) {
        const double norm =
            std::sqrt(static_cast<double>(transposed.count(i)) * static_cast<double>(transposed.count(j)));
        if (j != i) candidates.push_back({j, static_cast<float>(common[j] / norm)});
        common[j] = 0;
      }
      const std::size_t count = std::min(width, candidates.size());
      std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count),
                        candidates.end(), [](const Neighbour& a, const Neighbour& b) {
                          return a.similarity != b.similarity ? a.similarity > b.similarity : a.item < b.item;
                        });
      for (std::size_t k = 0; k < count; ++k) {
        ids[i * width + k] = static_cast<std::int32_t>(candidates[k].item);
        similarities[i * width + k] = candidates[k].similarity;
      }
    }
  }
  communicator.allreduce_sum(std::span<std::int32_t>(ids));
  communicator.allreduce_sum(std::span<float>(similarities));

  offsets_.assign(items + 1, 0);
  for (std::size_t p = 0; p < ids.size(); ++p)
    if (similarities[p] > 0) ++offsets_[static_cast<std::size_t>(ids[p]) + 1];
  for (std::uint32_t i = 0; i < items; ++i) offsets_[i + 1] += offsets_[i];
  neighbour_of_.resize(offsets_.back());
  std::vector<std::uint64_t> next(offsets_.begin(), offsets_.end() - 1);
  for (std::size_t p = 0; p < ids.size(); ++p) {
    if (similarities[p] > 0)
      neighbour_of_[next[static_cast<std::size_t>(ids[p])]++] = {static_cast<std::uint32_t>(p / width),
                                                                 similarities[p]};
  }
}

void ItemKnn::score(std::span<const std::uint32_t> user_items, std::span<float> scores) const {
  std::fill(scores.begin(), scores.end(), 0.0f);
  for (const std::uint32_t j : user_items)
    for (std::uint64_t p = offsets_[j]; p < offsets_[j + 1]; ++p)
      scores[neighbour_of_[p].item] += neighbour_of_[p].similarity;
}

}  // namespace neumf
