#include "neumf/comm/communicator.hpp"

#include <gmock/gmock.h>

#include <limits>
#include <numeric>

#include "neumf/comm/gradient_reducer.hpp"

namespace neumf {
namespace {

TEST(Communicator, KnowsItsPlace) {
  const auto world = Communicator::world();
  int rank = -1, size = -1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  EXPECT_EQ(world.rank(), rank);
  EXPECT_EQ(world.size(), size);
  EXPECT_EQ(world.is_root(), rank == 0);
  EXPECT_EQ(world.node_size(), size);  // the tests run on one machine
  EXPECT_EQ(Communicator::self().size(), 1);
}

TEST(Communicator, SumsAndMaximaOverRanks) {
  const auto world = Communicator::world();
  const int n = world.size();
  std::vector<double> values{1.0, static_cast<double>(world.rank())};
  world.allreduce_sum(std::span<double>(values));
  EXPECT_EQ(values[0], n);
  EXPECT_EQ(values[1], n * (n - 1) / 2);
  EXPECT_EQ(world.max<std::int64_t>(world.rank()), n - 1);
  EXPECT_EQ(world.sum<std::uint64_t>(std::uint64_t{1} << 40), static_cast<std::uint64_t>(n) << 40);
  std::vector<std::uint64_t> expected(static_cast<std::size_t>(n));
  std::iota(expected.begin(), expected.end(), 10);
  EXPECT_EQ(world.allgather(10 + static_cast<std::uint64_t>(world.rank())), expected);
  EXPECT_EQ(world.broadcast("from rank " + std::to_string(world.rank())), "from rank 0");
}

TEST(Communicator, OneRanksErrorReachesAll) {
  const auto world = Communicator::world();
  const int failing = world.size() - 1;
  try {
    world.together([&] { require(world.rank() != failing, "broken on rank {}", world.rank()); });
    FAIL() << "nothing was thrown";
  } catch (const CollectiveError& error) {
    EXPECT_EQ(error.what(), "broken on rank " + std::to_string(failing));
  }
  EXPECT_NO_THROW(world.together([] {}));
}

TEST(Communicator, SendsBytesInOrder) {
  const auto world = Communicator::world();
  // Each rank but the last sends to the next; large enough not to be buffered.
  std::vector<std::uint32_t> sent(100000), received(100000);
  std::iota(sent.begin(), sent.end(), static_cast<std::uint32_t>(world.rank()));
  if (world.rank() > 0) {
    std::uint8_t first = 0;
    world.receive(std::as_writable_bytes(std::span(&first, 1)), world.rank() - 1);
    EXPECT_EQ(first, world.rank() - 1);
    world.receive(std::as_writable_bytes(std::span(received)), world.rank() - 1);
    EXPECT_EQ(received.back(), 99999 + static_cast<std::uint32_t>(world.rank()) - 1);
  }
  if (world.rank() + 1 < world.size()) {
    const auto first = static_cast<std::uint8_t>(world.rank());
    world.send(std::as_bytes(std::span(&first, 1)), world.rank() + 1);
    world.send(std::as_bytes(std::span(sent)), world.rank() + 1);
  }
  world.send({}, 0);  // nothing, to nobody who waits
}

TEST(GradientReducer, SumsInPlaceAndCountsBytes) {
  const auto world = Communicator::world();
  Context<Cpu> context(1);
  const auto reducer = make_gradient_reducer(context, world);
  // More than one piece, and an odd size.
  std::vector<float> a((std::size_t{1} << 24) + 3, static_cast<float>(world.rank() + 1)), b{0.5f};
  reducer->start(context, a);
  reducer->start(context, b);
  reducer->finish(context);
  const auto n = static_cast<float>(world.size());
  EXPECT_EQ(a.front(), n * (n + 1) / 2);
  EXPECT_EQ(a.back(), n * (n + 1) / 2);
  EXPECT_EQ(b[0], 0.5f * n);
  EXPECT_EQ(reducer->bytes(), world.size() == 1 ? 0 : 4 * (a.size() + b.size()));
  // What poisons an overflowed step must survive the sum.
  std::vector<float> poisoned{world.is_root() ? std::numeric_limits<float>::quiet_NaN() : 1.0f};
  reducer->start(context, poisoned);
  reducer->finish(context);
  EXPECT_TRUE(std::isnan(poisoned[0]));
}

}  // namespace
}  // namespace neumf
