#include "neumf/ops/top_k.hpp"

#include <gmock/gmock.h>

#include <limits>

#include "device_fixture.hpp"
#include "neumf/core/error.hpp"
#include "ops/reference/top_k.hpp"

namespace neumf::test {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

struct Lists {
  std::vector<std::uint32_t> items;
  std::vector<float> scores;
};

template <class C>
struct TopKTest : OpTest<C> {
  using Device = typename C::Device;

  // The K best of each row of `scores`, given in catalogue blocks of `block` items.
  Lists best(Index users, Index items, Index k, Index block, const std::vector<float>& scores,
             const std::vector<std::vector<std::uint32_t>>& excluded = {}) {
    Tensor<float, Device> best_scores(users, k);
    Tensor<std::uint32_t, Device> best_items(users, k);
    const TopK list{best_scores.matrix(), best_items.matrix()};
    top_k_clear(this->context(), list);
    for (Index first = 0; first < items; first += block) {
      const Index width = std::min(block, items - first);
      std::vector<float> part;
      for (Index r = 0; r < users; ++r)
        for (Index j = 0; j < width; ++j)
          part.push_back(scores[static_cast<std::size_t>(r * items + first + j)]);
      auto device_part = this->to_device(part, width);
      if (!excluded.empty()) exclude(excluded, static_cast<std::uint32_t>(first), device_part.matrix());
      top_k_merge(this->context(), view(device_part), static_cast<std::uint32_t>(first), list);
    }
    top_k_finish(this->context(), list);
    return {this->to_host(best_items), this->to_host(best_scores)};
  }

  void exclude(const std::vector<std::vector<std::uint32_t>>& lists, std::uint32_t first,
               Matrix<float> scores) {
    std::vector<std::uint64_t> offsets{0};
    std::vector<std::uint32_t> items;
    for (const auto& list : lists) {
      items.insert(items.end(), list.begin(), list.end());
      offsets.push_back(items.size());
    }
    items.push_back(0);  // no empty tensor
    const auto device_offsets = this->to_device(offsets);
    const auto device_items = this->to_device(items);
    exclude_items(this->context(), device_offsets.data(), device_items.data(), first, scores);
    this->context().synchronize();
  }
};
TYPED_TEST_SUITE(TopKTest, DeviceCases, CaseNames);

using testing::ElementsAre;

TYPED_TEST(TopKTest, KeepsTheBestInOrder) {
  const auto got = this->best(1, 5, 3, 5, {0.1f, 0.5f, -2.0f, 0.9f, 0.3f});
  EXPECT_THAT(got.items, ElementsAre(3, 1, 4));
  EXPECT_THAT(got.scores, ElementsAre(0.9f, 0.5f, 0.3f));
}

TYPED_TEST(TopKTest, PutsTheSmallerOfEqualItemsFirst) {
  for (const Index block : {1, 2, 3, 6})
    EXPECT_THAT(this->best(1, 6, 4, block, {1.0f, 2.0f, 1.0f, 2.0f, 1.0f, 2.0f}).items,
                ElementsAre(1, 3, 5, 0));
  EXPECT_THAT(this->best(1, 3, 2, 3, {-0.0f, 0.0f, -0.0f}).items, ElementsAre(0, 1));
}

TYPED_TEST(TopKTest, LeavesPlacesEmpty) {
  const auto got = this->best(1, 4, 3, 2, {nan, -inf, -1.0f, nan});
  EXPECT_THAT(got.items, ElementsAre(2, no_item, no_item));
  EXPECT_THAT(got.scores, ElementsAre(-1.0f, -inf, -inf));
}

TYPED_TEST(TopKTest, RanksInfinityFirst) {
  EXPECT_THAT(this->best(1, 3, 3, 3, {1.0f, inf, -3e38f}).items, ElementsAre(1, 0, 2));
}

TYPED_TEST(TopKTest, ExcludesItems) {
  // Lists that begin before, end after, and lie outside a block.
  const std::vector<float> scores{5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 5, 4, 3, 2, 1};
  for (const Index block : {1, 2, 5}) {
    const auto got = this->best(3, 5, 2, block, scores, {{0, 2}, {}, {0, 1, 3, 4}});
    EXPECT_THAT(got.items, ElementsAre(1, 3, 0, 1, 2, no_item));
  }
}

// Few distinct scores, so that ties abound, and the worst order for a partial ranking: each item better than
// all before it.
TYPED_TEST(TopKTest, MatchesASort) {
  std::mt19937_64 generator(3);
  for (const Index items : {1, 7, 64, 257, 1500})
    for (const Index k : {1, 2, 10, 100, 700}) {
      const Index users = 5;
      std::vector<float> scores;
      for (Index r = 0; r < users; ++r)
        for (Index j = 0; j < items; ++j) {
          const auto level = static_cast<float>(generator() % 50) - 25;
          scores.push_back(r == 0 ? static_cast<float>(j) : level == 24 ? nan : level == 23 ? -inf : level);
        }
      for (const Index block : {items, Index{1} + items / 3}) {
        const auto got = this->best(users, items, k, block, scores);
        const auto want = reference::top_k(scores, items, k);
        ASSERT_EQ(got.items, want) << items << " items, " << k << " best, blocks of " << block;
        for (std::size_t i = 0; i < want.size(); ++i) {
          const auto row = i / static_cast<std::size_t>(k) * static_cast<std::size_t>(items);
          ASSERT_EQ(got.scores[i], want[i] == no_item ? -inf : scores[row + want[i]]);
        }
      }
    }
}

}  // namespace
}  // namespace neumf::test
