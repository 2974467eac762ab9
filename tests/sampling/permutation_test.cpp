#include "neumf/sampling/permutation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace neumf {
namespace {

// 99.99 % point of chi-square (Wilson and Hilferty). With fixed seeds a test passes always or never.
double chi_square_bound(double freedom) {
  const double t = 2.0 / (9.0 * freedom), z = 3.719;
  return freedom * std::pow(1 - t + z * std::sqrt(t), 3);
}

double chi_square(const std::vector<std::uint64_t>& counts) {
  const double total = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
  const double expected = total / static_cast<double>(counts.size());
  double sum = 0;
  for (const auto count : counts) sum += std::pow(static_cast<double>(count) - expected, 2) / expected;
  return sum;
}

void expect_bijection(std::uint64_t size, std::uint64_t seed, std::uint32_t epoch, std::uint64_t salt) {
  const Permutation permutation(size, seed, epoch, salt);
  EXPECT_EQ(permutation.size(), size);
  std::vector<bool> hit(size, false);
  for (std::uint64_t i = 0; i < size; ++i) {
    const std::uint64_t image = permutation(i);
    ASSERT_LT(image, size) << "size " << size;
    ASSERT_FALSE(hit[image]) << image << " twice, size " << size;
    hit[image] = true;
  }
}

TEST(Permutation, IsABijection) {
  for (std::uint64_t size = 1; size <= 130; ++size)
    for (std::uint32_t epoch = 0; epoch < 5; ++epoch) expect_bijection(size, 1, epoch, epoch * 31);
  for (int bits = 8; bits <= 17; ++bits)
    for (const int around : {-1, 0, 1})
      expect_bijection((std::uint64_t{1} << bits) + static_cast<std::uint64_t>(around), 0xFEDCBA9876543210u,
                       3, 7);
  expect_bijection(1'000'000, 2, 29, 123456789012);
}

TEST(Permutation, StaysInRangesBeyond32Bits) {
  for (const std::uint64_t size : {(std::uint64_t{1} << 32) - 1, (std::uint64_t{1} << 32) + 1,
                                   (std::uint64_t{1} << 37) + 12345, (std::uint64_t{1} << 52) - 3}) {
    const Permutation permutation(size, 5, 1);
    std::vector<std::uint64_t> images;
    for (std::uint64_t i = 0; i < 20000; ++i) {
      images.push_back(permutation(i));
      images.push_back(permutation(size - 1 - i));
    }
    std::sort(images.begin(), images.end());
    EXPECT_LT(images.back(), size);
    EXPECT_EQ(std::adjacent_find(images.begin(), images.end()), images.end());
    EXPECT_GT(images.back(), size / 100 * 99);
    EXPECT_LT(images.front(), size / 100);
  }
}

// Two unrelated permutations agree in one place on average; more than 8 has probability 1e-6.
TEST(Permutation, IsUnrelatedToOtherEpochsSeedsAndSalts) {
  const std::uint64_t size = 100'003;
  const Permutation base(size, 1, 0, 0);
  const std::vector<Permutation> others{{size, 1, 1, 0},
                                        {size, 2, 0, 0},
                                        {size, 1, 0, 1},
                                        {size, std::uint64_t{1} << 32 | 1, 0, 0},
                                        {size, 1, 0, std::uint64_t{1} << 32}};
  for (std::size_t k = 0; k < others.size(); ++k) {
    int equal = 0;
    std::vector<std::uint64_t> difference(64, 0);
    for (std::uint64_t i = 0; i < size; ++i) {
      const std::uint64_t a = base(i), b = others[k](i);
      equal += a == b;
      ++difference[(a + size - b) % size * 64 / size];
    }
    EXPECT_LE(equal, 8) << "variant " << k;
    EXPECT_LT(chi_square(difference), chi_square_bound(63)) << "variant " << k;
  }
  int fixed = 0;
  for (std::uint64_t i = 0; i < size; ++i) fixed += base(i) == i;
  EXPECT_LE(fixed, 8);
}

TEST(Permutation, SendsAPositionAnywhereOverTheEpochs) {
  for (const std::uint64_t size : {2u, 3u, 5u, 16u, 61u, 100u, 127u})
    for (const std::uint64_t position : {std::uint64_t{0}, size / 2, size - 1}) {
      std::vector<std::uint64_t> counts(size, 0);
      for (std::uint32_t epoch = 0; epoch < 20000; ++epoch) ++counts[Permutation(size, 9, epoch)(position)];
      EXPECT_LT(chi_square(counts), chi_square_bound(static_cast<double>(size - 1)))
          << "position " << position << " of " << size;
    }
  // A large size, in bins.
  std::vector<std::uint64_t> bins(100, 0);
  for (std::uint32_t epoch = 0; epoch < 50000; ++epoch)
    ++bins[Permutation(10'000'000, 9, epoch)(4711) / 100'000];
  EXPECT_LT(chi_square(bins), chi_square_bound(99));
}

// Within one epoch: where neighbours go, and how far things move, looks like chance.
TEST(Permutation, MixesWithinAnEpoch) {
  for (const std::uint64_t size :
       {std::uint64_t{1'000'000}, std::uint64_t{1} << 20, (std::uint64_t{1} << 20) + 1}) {
    const Permutation permutation(size, 3, 1);
    std::vector<std::uint64_t> displacement(256, 0), step(256, 0), block(1024, 0);
    std::uint64_t before = permutation(size - 1);
    for (std::uint64_t i = 0; i < size; ++i) {
      const std::uint64_t image = permutation(i);
      ++displacement[(image + size - i) % size * 256 / size];
      ++step[(image + size - before) % size * 256 / size];
      ++block[i * 32 / size * 32 + image * 32 / size];  // 32 blocks of positions by 32 of images
      before = image;
    }
    EXPECT_LT(chi_square(displacement), chi_square_bound(255)) << size;
    EXPECT_LT(chi_square(step), chi_square_bound(255)) << size;
    EXPECT_LT(chi_square(block), chi_square_bound(31.0 * 31.0)) << size;
  }
}

}  // namespace
}  // namespace neumf
