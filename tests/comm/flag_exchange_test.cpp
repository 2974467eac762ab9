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

TEST(FlagExchange, TellsWhenAllHaveBegun) {
  const auto world = Communicator::world();
  FlagExchange exchange(world);
  EXPECT_FALSE(exchange.begun());
  EXPECT_FALSE(exchange.arrived());
  // The last rank begins once the others have seen that nothing arrives without it.
  const bool last = world.rank() == world.size() - 1;
  if (!last) {
    exchange.begin(1);
    EXPECT_FALSE(exchange.arrived());
  }
  world.barrier();
  if (last) exchange.begin(2);
  while (!exchange.arrived()) {
  }
  EXPECT_TRUE(exchange.begun());
  EXPECT_EQ(exchange.end(), world.size() == 1 ? 2u : 3u);
  EXPECT_FALSE(exchange.begun());
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
