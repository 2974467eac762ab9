#include "neumf/comm/row_exchange.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <vector>

#include "neumf/core/error.hpp"

namespace neumf {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;

TEST(RowShares, CoverAllRowsInOrder) {
  for (const std::int64_t rows : {0, 1, 5, 200})
    for (const int ranks : {1, 2, 3, 7}) {
      std::int64_t next = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const RowShare share = row_share(rows, rank, ranks);
        EXPECT_EQ(share.first, next);
        EXPECT_LE(share.size(), rows / ranks + 1);
        EXPECT_GE(share.size(), rows / ranks);
        next = share.last;
      }
      EXPECT_EQ(next, rows);
    }
}

// Every value of a table tells its row and column.
float value(std::uint32_t row, std::int64_t col, int table) {
  return static_cast<float>(row * 8 + static_cast<std::uint32_t>(col) + (table == 0 ? 0 : 10000));
}

class RowExchangeOnRanks : public testing::Test {
 protected:
  // Rows `ids`, by rank, go to those who want them, and a gradient for each comes back.
  void check(RowExchange<Cpu>& exchange, std::int64_t rows,
             const std::vector<std::vector<std::uint32_t>>& ids) {
    const RowShare share = row_share(rows, world_.rank(), world_.size());
    const auto& mine = ids[static_cast<std::size_t>(world_.rank())];
    std::vector<std::uint32_t> places = mine;
    exchange.ask(context_, places, places);
    const std::set<std::uint32_t> wanted(mine.begin(), mine.end());
    EXPECT_THAT(exchange.wanted(), ElementsAreArray(wanted));
    for (std::size_t i = 0; i < mine.size(); ++i) EXPECT_EQ(exchange.wanted()[places[i]], mine[i]);
    std::set<std::uint32_t> asked;
    for (const auto& of_rank : ids)
      for (const std::uint32_t id : of_rank)
        if (id >= share.first && id < share.last) asked.insert(id - static_cast<std::uint32_t>(share.first));
    EXPECT_THAT(exchange.asked(), ElementsAreArray(asked));

    constexpr std::int64_t widths[] = {5, 1};
    std::vector<float> kept[2], read[2], sums[2];
    std::vector<Matrix<const float>> from, given;
    std::vector<Matrix<float>> to, summed;
    for (int t = 0; t < 2; ++t) {
      for (auto row = share.first; row < share.last; ++row)
        for (std::int64_t col = 0; col < widths[t]; ++col)
          kept[t].push_back(value(static_cast<std::uint32_t>(row), col, t));
      read[t].resize(wanted.size() * static_cast<std::size_t>(widths[t]) + 7, -1.0f);
      sums[t].resize(asked.size() * static_cast<std::size_t>(widths[t]), -1.0f);  // of before
      from.push_back({kept[t].data(), share.size(), widths[t]});
      to.push_back({read[t].data(), static_cast<std::int64_t>(wanted.size()), widths[t]});
      given.emplace_back(to.back());
      summed.push_back({sums[t].data(), static_cast<std::int64_t>(asked.size()), widths[t]});
    }
    exchange.fetch(context_, from, to);
    for (int t = 0; t < 2; ++t) {
      std::size_t at = 0;
      for (const std::uint32_t row : wanted)
        for (std::int64_t col = 0; col < widths[t]; ++col)
          ASSERT_EQ(read[t][at++], value(row, col, t)) << row;
      for (; at < read[t].size(); ++at) ASSERT_EQ(read[t][at], -1.0f) << "nothing else is written";
      // A rank gives its number and one for each row: sums of whole numbers are exact.
      std::fill(read[t].begin(), read[t].end(), static_cast<float>(world_.rank() + 1));
    }
    exchange.give(context_, given, summed);
    for (int t = 0; t < 2; ++t) {
      std::size_t at = 0;
      for (const std::uint32_t row : asked) {
        float sum = 0;
        for (std::size_t rank = 0; rank < ids.size(); ++rank)
          if (std::find(ids[rank].begin(), ids[rank].end(), row + share.first) != ids[rank].end())
            sum += static_cast<float>(rank + 1);
        for (std::int64_t col = 0; col < widths[t]; ++col) ASSERT_EQ(sums[t][at++], sum) << row;
      }
    }
  }

  Communicator world_ = Communicator::world();
  Context<Cpu> context_{2};
};

TEST_F(RowExchangeOnRanks, BringsRowsAndTakesTheirGradientsBack) {
  constexpr std::uint32_t rows = 200;
  const auto exchange = make_row_exchange<Cpu>(world_, rows);
  const auto ranks = static_cast<std::size_t>(world_.size());
  std::vector<std::vector<std::uint32_t>> few(ranks), none(ranks), all(ranks), one(ranks);
  for (std::uint32_t rank = 0; rank < ranks; ++rank) {
    few[rank] = {199, 7, 3 * rank, 7, 63, 64 + rank, 0};  // 7 twice
    for (std::uint32_t row = rows; row > 0; --row) all[rank].push_back(row - 1);
  }
  one[0] = {128};  // the others want nothing
  for (const auto* ids : {&few, &none, &all, &one, &few}) check(*exchange, rows, *ids);
}

TEST_F(RowExchangeOnRanks, ServesRanksThatKeepNothing) {
  const auto ranks = static_cast<std::size_t>(world_.size());
  const auto exchange = make_row_exchange<Cpu>(world_, 1);
  check(*exchange, 1, std::vector<std::vector<std::uint32_t>>(ranks, {0, 0}));
}

TEST_F(RowExchangeOnRanks, CountsWhatGoesToOthers) {
  const auto exchange = make_row_exchange<Cpu>(world_, 2 * world_.size());
  // The two rows of the next rank.
  const auto next = static_cast<std::uint32_t>((world_.rank() + 1) % world_.size());
  std::vector<std::uint32_t> ids{2 * next, 2 * next + 1};
  exchange->ask(context_, ids, ids);
  EXPECT_THAT(ids, ElementsAre(0, 1));
  const auto others = static_cast<std::uint64_t>(world_.size() - 1);
  const std::uint64_t asking = others * sizeof(int) + (others > 0 ? 2 * sizeof(std::uint32_t) : 0);
  EXPECT_EQ(exchange->bytes(), asking);
  std::vector<float> kept(6), read(6), sums(6);
  const Matrix<const float> own{kept.data(), 2, 3}, got{read.data(), 2, 3};
  const Matrix<float> to{read.data(), 2, 3}, into{sums.data(), 2, 3};
  exchange->fetch(context_, std::span(&own, 1), std::span(&to, 1));
  EXPECT_EQ(exchange->bytes(), asking + (others > 0 ? 6 * sizeof(float) : 0));
  exchange->give(context_, std::span(&got, 1), std::span(&into, 1));
  EXPECT_EQ(exchange->bytes(), asking + (others > 0 ? 12 * sizeof(float) : 0));
}

TEST_F(RowExchangeOnRanks, RefusesTablesWithoutRoom) {
  const auto exchange = make_row_exchange<Cpu>(world_, 10);
  std::vector<std::uint32_t> ids{1, 9};
  exchange->ask(context_, ids, ids);
  std::vector<float> values(10);
  const Matrix<const float> kept{values.data(), row_share(10, world_.rank(), world_.size()).size(), 1};
  const Matrix<float> small{values.data(), 1, 1};
  EXPECT_THROW(exchange->fetch(context_, std::span(&kept, 1), std::span(&small, 1)), Error);
}

}  // namespace
}  // namespace neumf
