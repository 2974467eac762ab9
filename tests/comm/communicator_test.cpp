#include "neumf/comm/communicator.hpp"

#include <gmock/gmock.h>

#include <limits>
#include <numeric>
#include <utility>

#include "neumf/comm/gradient_reducer.hpp"
#include "neumf/comm/mpi_type.hpp"

namespace neumf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::ThrowsMessage;

// MPI must mean by a type what C++ means: as large, and its sums right at the ends of its range.
template <class T>
void expect_mpi_type() {
  int bytes = 0;
  MPI_Type_size(mpi_type<T>(), &bytes);
  EXPECT_EQ(static_cast<std::size_t>(bytes), sizeof(T));
  T value = std::numeric_limits<T>::max(), most{};
  MPI_Allreduce(&value, &most, 1, mpi_type<T>(), MPI_MAX, MPI_COMM_WORLD);
  EXPECT_EQ(most, value);
  value = std::numeric_limits<T>::lowest();
  MPI_Allreduce(&value, &most, 1, mpi_type<T>(), MPI_MAX, MPI_COMM_WORLD);
  EXPECT_EQ(most, value);
}

TEST(MpiType, IsThatOfCpp) {
  expect_mpi_type<std::int32_t>();
  expect_mpi_type<std::uint32_t>();
  expect_mpi_type<std::int64_t>();
  expect_mpi_type<std::uint64_t>();
  expect_mpi_type<float>();
  expect_mpi_type<double>();
  EXPECT_EQ(mpi_type<std::byte>(), MPI_BYTE);
}

TEST(MpiType, RefusesCountsThatMpiCannotHold) {
  constexpr std::size_t most = std::numeric_limits<int>::max();
  EXPECT_EQ(mpi_count(0), 0);
  EXPECT_EQ(mpi_count(most), std::numeric_limits<int>::max());
  // As int they would be -2147483648 and 0.
  for (const std::size_t count : {most + 1, std::size_t{1} << 32})
    EXPECT_THAT([&] { (void)mpi_count(count); },
                ThrowsMessage<Error>(HasSubstr(std::to_string(count) + " elements in one MPI call")));
}

TEST(MpiType, CutsWhatIsTooLargeIntoPieces) {
  const std::vector<float> values(10);
  std::vector<std::pair<std::ptrdiff_t, int>> pieces;
  const auto cut = [&](std::size_t count, std::size_t most) {
    pieces.clear();
    in_mpi_pieces(std::span(values).first(count), most,
                  [&](const float* data, int size) { pieces.emplace_back(data - values.data(), size); });
  };
  cut(10, 4);
  EXPECT_THAT(pieces, ElementsAre(Pair(0, 4), Pair(4, 4), Pair(8, 2)));
  cut(8, 4);
  EXPECT_THAT(pieces, ElementsAre(Pair(0, 4), Pair(4, 4)));
  cut(0, 4);
  EXPECT_TRUE(pieces.empty());
}

TEST(MpiSession, RefusesAnMpiWithoutThreads) {
  EXPECT_NO_THROW(require_thread_level(MPI_THREAD_FUNNELED));
  EXPECT_NO_THROW(require_thread_level(MPI_THREAD_MULTIPLE));
  EXPECT_THAT([] { require_thread_level(MPI_THREAD_SINGLE); },
              ThrowsMessage<Error>(HasSubstr("use a build of MPI with support for threads")));
}

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
  // On the one machine of the tests.
  struct Placed {
    int rank;
    double value;
  };
  EXPECT_EQ(world.node_allgather(Placed{world.rank(), 0.5}).back().rank, n - 1);
  EXPECT_EQ(world.broadcast("from rank " + std::to_string(world.rank())), "from rank 0");
}

TEST(Communicator, ReducesMoreThanOnePiece) {
  const auto world = Communicator::world();
  std::vector<std::int32_t> values((std::size_t{1} << 24) + 5);
  values.front() = world.rank();
  values.back() = -world.rank();
  world.allreduce_max(std::span(values));
  EXPECT_EQ(values.front(), world.size() - 1);
  EXPECT_EQ(values.back(), 0);
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
