#include "neumf/serve/variety.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "neumf/ops/top_k.hpp"

namespace neumf::serve {
namespace {

TEST(Variety, IsCoverageAndNovelty) {
  Variety variety(5, {8, 4, 1, 0, 2}, 8);
  EXPECT_EQ(variety.coverage(), 0);
  EXPECT_FALSE(variety.novelty());
  variety.add(std::vector<std::uint32_t>{0, 1, ops::no_item});
  variety.add(std::vector<std::uint32_t>{1, 2, 3});
  EXPECT_DOUBLE_EQ(variety.coverage(), 0.8);
  // -log2 of 8/8, 4/8 twice, 1/8, and 1/8 for the item that nobody has.
  EXPECT_DOUBLE_EQ(*variety.novelty(), (0 + 1 + 1 + 3 + 3) / 5.0);
}

TEST(Variety, WithoutCountsThereIsNoNovelty) {
  Variety variety(2, {}, 8);
  variety.add(std::vector<std::uint32_t>{1});
  EXPECT_EQ(variety.coverage(), 0.5);
  EXPECT_FALSE(variety.novelty());
}

}  // namespace
}  // namespace neumf::serve
