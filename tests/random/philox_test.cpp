#include "neumf/random/philox.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <vector>

namespace neumf {
namespace {

using Words = std::array<std::uint32_t, 4>;

Words words(const r123::Philox4x32::ctr_type& block) {
  return {block.v[0], block.v[1], block.v[2], block.v[3]};
}

// Draws with an arbitrary counter and key, through the public interface: the stream and sub-stream make up
// the counter's last word.
Words draw(const Words& counter, std::uint32_t key0, std::uint32_t key1) {
  const std::uint64_t seed = (std::uint64_t{key1} << 32) | key0;
  const Philox philox(seed, static_cast<RandomStream>(counter[3] >> 24), counter[3] & 0xFFFFFFu);
  return words(philox((std::uint64_t{counter[1]} << 32) | counter[0], counter[2]));
}

// philox 4x32, 10 rounds, from Random123's kat_vectors.
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(draw({0, 0, 0, 0}, 0, 0), (Words{0x6627E8D5u, 0xE169C58Du, 0xBC57AC4Cu, 0x9B00DBD8u}));
  EXPECT_EQ(draw({0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu}, 0xFFFFFFFFu, 0xFFFFFFFFu),
            (Words{0x408F276Du, 0x41C83B0Eu, 0xA20BC7C6u, 0x6D5451FDu}));
  EXPECT_EQ(draw({0x243F6A88u, 0x85A308D3u, 0x13198A2Eu, 0x03707344u}, 0xA4093822u, 0x299F31D0u),
            (Words{0xD16CFE09u, 0x94FDCCEBu, 0x5001E420u, 0x24126EA1u}));
}

TEST(Philox, SeparatesSeedsStreamsSubsIndicesAndWords) {
  std::set<Words> seen;
  std::size_t draws = 0;
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32})
    for (const auto stream :
         {RandomStream::negatives, RandomStream::shuffle, RandomStream::dropout, RandomStream::initialisation,
          RandomStream::test_negatives, RandomStream::synthetic})
      for (const std::uint32_t sub : {0u, 1u, 0xFFFFFFu})
        for (const std::uint64_t index : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32})
          for (const std::uint32_t word : {0u, 1u, 1u << 24}) {
            seen.insert(words(Philox(seed, stream, sub)(index, word)));
            ++draws;
          }
  EXPECT_EQ(seen.size(), draws);
}

// Bits of neighbouring draws agree no more often than coins do, within four standard deviations.
TEST(Philox, NeighboursAreIndependent) {
  const auto agreement = [](const Philox& a, const Philox& b, std::uint64_t shift) {
    std::int64_t equal = 0;
    for (std::uint64_t i = 0; i < 10000; ++i) {
      const auto x = a(i), y = b(i + shift);
      for (int lane = 0; lane < 4; ++lane) equal += std::popcount(~(x.v[lane] ^ y.v[lane]));
    }
    return static_cast<double>(equal);
  };
  const double n = 10000.0 * 128, four_deviations = 4 * std::sqrt(n) / 2;
  const Philox base(1, RandomStream::negatives, 0);
  EXPECT_NEAR(agreement(base, base, 1), n / 2, four_deviations);
  EXPECT_NEAR(agreement(base, Philox(2, RandomStream::negatives, 0), 0), n / 2, four_deviations);
  EXPECT_NEAR(agreement(base, Philox(1, RandomStream::negatives, 1), 0), n / 2, four_deviations);
  EXPECT_NEAR(agreement(base, Philox(1, RandomStream::dropout, 0), 0), n / 2, four_deviations);
}

TEST(Bounded, CoversTheRangeEvenly) {
  for (const std::uint32_t n : {1u, 2u, 3u, 26744u, 0xFFFFFFFFu}) {
    EXPECT_EQ(bounded(0, n), 0u);
    EXPECT_EQ(bounded(0xFFFFFFFFu, n), n - 1);
  }
  // 2^32 / 3 inputs to each third.
  EXPECT_EQ(bounded(0x55555555u, 3), 0u);
  EXPECT_EQ(bounded(0x55555556u, 3), 1u);
  EXPECT_EQ(bounded(0xAAAAAAAAu, 3), 1u);
  EXPECT_EQ(bounded(0xAAAAAAABu, 3), 2u);
}

TEST(OpenUnit, ExcludesBothEnds) {
  for (const std::uint32_t bits :
       {0u, 1u, 255u, 256u, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFE00u, 0xFFFFFEFFu, 0xFFFFFF00u, 0xFFFFFFFFu}) {
    EXPECT_GT(open_unit(bits), 0.0f) << bits;
    EXPECT_LT(open_unit(bits), 1.0f) << bits;
    EXPECT_NEAR(open_unit(bits), (bits + 0.5) / 4294967296.0, 0x1p-23) << bits;
  }
}

// The values lie symmetrically: swapping 0 and 1 maps the set onto itself, so the mean is 1/2 exactly.
TEST(OpenUnit, IsSymmetric) {
  for (std::uint64_t step = 0; step < 200000; ++step) {
    const auto bits = static_cast<std::uint32_t>(step * 21474u);
    ASSERT_EQ(open_unit(bits), 1.0f - open_unit(~bits)) << bits;
  }
}

}  // namespace
}  // namespace neumf
