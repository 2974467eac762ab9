#include "neumf/sampling/item_draw.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "neumf/core/error.hpp"

namespace neumf {
namespace {

// The probability of each item, from the slots alone.
std::vector<double> probabilities(const std::vector<AliasSlot>& slots) {
  std::vector<double> out(slots.size(), 0);
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    const double own = static_cast<double>(slots[slot] >> 32) / 0x1p32;
    out[slot] += own / static_cast<double>(slots.size());
    out[static_cast<std::uint32_t>(slots[slot])] += (1 - own) / static_cast<double>(slots.size());
  }
  return out;
}

std::vector<std::uint64_t> skewed_counts() {
  std::vector<std::uint64_t> counts{0, 1, 1'000'000'000'000, 7};
  for (std::uint64_t i = 0; i < 1000; ++i) counts.push_back(1'000'000 / (i + 1) * (i % 7));
  return counts;
}

TEST(ItemDraw, SlotsHoldTheProbabilities) {
  const auto counts = skewed_counts();
  for (const double power : {0.0, 0.5, 0.75, 1.0, 2.0}) {
    const auto distribution = popularity_distribution(counts, power);
    const auto got = probabilities(distribution.slots);
    double sum = 0;
    for (const auto count : counts) sum += std::pow(static_cast<double>(count), power);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const double want = std::pow(static_cast<double>(counts[i]), power) / sum;
      // A slot's share is a multiple of 2^-32, and slots that give away what is left add up their roundings.
      EXPECT_NEAR(got[i], want, 1e-9) << i << ", power " << power;
      if (counts[i] > 0) {
        EXPECT_NEAR(distribution.log_probability[i], std::log(want), 1e-5 * (1 + std::fabs(std::log(want))));
      } else {
        EXPECT_FLOAT_EQ(distribution.log_probability[i], static_cast<float>(std::log(1 / sum)));
      }
    }
  }
}

TEST(ItemDraw, NeverDrawsAnItemWithoutInteractions) {
  const std::vector<std::uint64_t> counts{0, 3, 0, 5, 0};
  const auto slots = popularity_distribution(counts, 1).slots;
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32; bits += 65521)
    ASSERT_GT(counts[drawn_item(slots.data(), 5, static_cast<std::uint32_t>(bits))], 0u) << bits;
}

// Bits at equal distances: the shares of the draws are the probabilities.
TEST(ItemDraw, DrawsAsTheSlotsSay) {
  const std::vector<std::uint64_t> counts{1, 2, 3, 4, 90};
  const auto slots = popularity_distribution(counts, 1).slots;
  std::vector<double> drawn(5, 0);
  const double draws = 1 << 20;
  for (std::uint64_t i = 0; i < 1 << 20; ++i)
    ++drawn[drawn_item(slots.data(), 5, static_cast<std::uint32_t>(i << 12))];
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_NEAR(drawn[i] / draws, static_cast<double>(counts[i]) / 100, 1e-4);
}

TEST(ItemDraw, IsUniformWithoutSlots) {
  EXPECT_EQ(drawn_item(nullptr, 10, 0), 0u);
  EXPECT_EQ(drawn_item(nullptr, 10, 0x1999999Au), 1u);
  EXPECT_EQ(drawn_item(nullptr, 10, 0xFFFFFFFFu), 9u);
}

TEST(ItemDraw, RefusesWhatHasNoSum) {
  const std::vector<std::uint64_t> none{0, 0}, many(3, std::uint64_t{1} << 63);
  EXPECT_THROW(popularity_distribution(none, 1), Error);
  EXPECT_THAT([&] { popularity_distribution(many, 100); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("popularity_power")));
}

}  // namespace
}  // namespace neumf
