#include "neumf/comm/flag_exchange.hpp"

#include <gtest/gtest.h>

namespace neumf {
namespace {

TEST(FlagExchange, JoinsTheFlagsOfAllRanks) {
  const auto world = Communicator::world();
  FlagExchange exchange(world);
  EXPECT_EQ(exchange.end(), 0u);  // nothing has begun
  const auto all = (1u << world.size()) - 1;
  for (int round = 0; round < 100; ++round) {
    exchange.begin(1u << world.rank());
    EXPECT_EQ(exchange.end(), all);
    EXPECT_EQ(exchange.end(), 0u);
  }
}

TEST(FlagExchange, MixesWithNoOtherMessages) {
  const auto world = Communicator::world();
  FlagExchange exchange(world);
  for (int round = 0; round < 100; ++round) {
    const std::uint32_t before = exchange.end();
    EXPECT_EQ(before, round == 0 ? 0u : static_cast<std::uint32_t>(round));
    // Only the last rank wishes something.
    exchange.begin(world.rank() == world.size() - 1 ? static_cast<std::uint32_t>(round + 1) : 0u);
    EXPECT_EQ(world.sum<std::int64_t>(1), world.size());
  }
}

}  // namespace
}  // namespace neumf
