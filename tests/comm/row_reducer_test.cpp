#include "neumf/comm/row_reducer.hpp"

#include <gmock/gmock.h>

#include <vector>

#include "neumf/core/error.hpp"

namespace neumf {
namespace {

using testing::ElementsAreArray;

constexpr std::int64_t rows = 200;

// Two tables of gradients, in which a rank has touched some rows.
struct Tables {
  std::vector<float> wide = std::vector<float>(rows * 5), narrow = std::vector<float>(rows);

  void touch(std::uint32_t row, float value) {
    for (std::size_t c = 0; c < 5; ++c) wide[row * 5 + c] += value + static_cast<float>(c);
    narrow[row] -= value;
  }
  std::vector<Matrix<float>> views() { return {{wide.data(), rows, 5}, {narrow.data(), rows, 1}}; }
};

class RowReducerOnRanks : public testing::Test {
 protected:
  Communicator world_ = Communicator::world();
  Context<Cpu> context_{1};
};

// Sums `touched` (by rank) and compares with sums of whole numbers, which are exact.
void expect_sums(Context<Cpu>& context, const Communicator& world, RowReducer<Cpu>& reducer,
                 const std::vector<std::vector<std::uint32_t>>& touched) {
  Tables own, all;
  std::vector<bool> any(rows);
  for (std::size_t rank = 0; rank < touched.size(); ++rank)
    for (const std::uint32_t row : touched[rank]) {
      any[row] = true;
      all.touch(row, static_cast<float>(rank + 1));
      if (static_cast<int>(rank) == world.rank()) own.touch(row, static_cast<float>(rank + 1));
    }
  const auto& mine = touched[static_cast<std::size_t>(world.rank())];
  // In two blocks, as a step touches them.
  reducer.touch(context, std::span(mine).first(mine.size() / 2));
  reducer.touch(context, std::span(mine).subspan(mine.size() / 2));
  const auto got = reducer.sum(context, own.views());
  std::vector<std::uint32_t> expected;
  for (std::uint32_t row = 0; row < rows; ++row)
    if (any[row]) expected.push_back(row);
  EXPECT_THAT(got, ElementsAreArray(expected));
  EXPECT_EQ(own.wide, all.wide);
  EXPECT_EQ(own.narrow, all.narrow);
}

TEST_F(RowReducerOnRanks, SumsWhatAnyRankTouched) {
  const auto reducer = make_row_reducer<Cpu>(world_, rows, 2 * rows - 1);
  ASSERT_EQ(reducer->in_use(), world_.size() > 1);
  if (!reducer->in_use()) GTEST_SKIP() << "one rank exchanges nothing";
  const auto ranks = static_cast<std::size_t>(world_.size());
  std::vector<std::vector<std::uint32_t>> few(ranks), none(ranks), most(ranks), one(ranks);
  for (std::uint32_t rank = 0; rank < ranks; ++rank) {
    few[rank] = {199, 7, rank, 7, 63, 64 + rank};  // 7 twice
    for (std::uint32_t row = 0; row < rows; ++row)
      if (row % ranks == rank || row % 11 == 0) most[rank].push_back(row);
  }
  one[0] = {128};  // the others touch nothing
  for (const auto* touched : {&few, &none, &most, &one, &few})
    expect_sums(context_, world_, *reducer, *touched);
}

TEST_F(RowReducerOnRanks, SendsLittleWhereLittleIsTouched) {
  const auto reducer = make_row_reducer<Cpu>(world_, rows, 10);
  if (!reducer->in_use()) GTEST_SKIP() << "one rank exchanges nothing";
  Tables tables;
  tables.touch(3, 1);
  const std::uint32_t touched[] = {3};
  reducer->touch(context_, touched);
  reducer->sum(context_, tables.views());
  EXPECT_EQ(reducer->bytes(), 4 * sizeof(std::uint64_t) + 6 * sizeof(float)) << "a bit per row, and a row";
}

TEST_F(RowReducerOnRanks, LeavesLargeUpdatesToOthers) {
  const auto reducer = make_row_reducer<Cpu>(world_, rows, 2 * rows);
  EXPECT_FALSE(reducer->in_use());
  EXPECT_THAT(reducer->sum(context_, {}), testing::IsEmpty());
  EXPECT_EQ(reducer->bytes(), 0u);
}

TEST_F(RowReducerOnRanks, RefusesATableOfAnotherHeight) {
  const auto reducer = make_row_reducer<Cpu>(world_, rows, 10);
  if (!reducer->in_use()) GTEST_SKIP() << "one rank exchanges nothing";
  std::vector<float> other(10);
  const Matrix<float> table{other.data(), 10, 1};
  EXPECT_THROW(reducer->sum(context_, std::span(&table, 1)), Error);
}

}  // namespace
}  // namespace neumf
