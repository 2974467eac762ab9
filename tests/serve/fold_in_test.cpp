#include "neumf/serve/fold_in.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "neumf/core/error.hpp"
#include "neumf/random/philox.hpp"
#include "neumf/serve/pair_scorer.hpp"
#include "saved_model.hpp"

namespace neumf::serve {
namespace {

using test::Device;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::uint32_t users = 40, items = 300;
// Trained in one piece, operation by operation, and with one branch alone.
const ModelShape shapes[] = {{users, items, 4, {12, 10, 6}},
                             {users, items, 20, {144, 96, 24}},
                             {users, items, 6, {}},
                             {users, items, 0, {16, 8, 4}}};

class FoldingIn : public testing::TestWithParam<ModelShape>, public test::SavedModel {
 protected:
  FoldingIn() : SavedModel(GetParam()) {}

  std::size_t gmf_width() const { return static_cast<std::size_t>(GetParam().factors); }
  std::size_t mlp_width() const { return static_cast<std::size_t>(GetParam().mlp_embedding()); }
  void expect_gradients_of_differences(const FitLoss& loss);
};

class Saved : public testing::Test, public test::SavedModel {
 protected:
  Saved() : SavedModel(shapes[0]) {}
};

// Histories of different lengths, from one item on: user u has every (u + 2)th item.
std::string some_history() {
  std::string text = "user_id,item_id\n";
  for (std::uint32_t user = 0; user < 45; ++user)
    for (std::uint32_t item = user; item < items; item += user == 44 ? items : user + 2)
      text += fmt::format("visitor {},item {}\n", user, item);
  return text;
}

float noise(std::uint64_t i) {
  return open_unit(Philox(5, RandomStream::synthetic)(i).v[0]) - 0.5f;
}

constexpr std::int32_t samples = 20, group = 5;

void FoldingIn::expect_gradients_of_differences(const FitLoss& loss) {
  constexpr std::int64_t fitted = 19;  // no multiple of what products take together
  constexpr auto window = static_cast<std::size_t>(UserFit<Device>::window);
  const int terms = loss.loss == Loss::bce ? samples : samples / group;  // of a user's mean
  UserFit<Device> fit(context_, *checkpoint_, samples, loss);
  std::vector<float> rows[2] = {std::vector<float>(window * gmf_width()),
                                std::vector<float>(window * mlp_width())};
  for (auto& table : rows)
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = 2 * noise(i);
  FitSamples step;
  for (std::uint64_t i = 0; i < fitted * samples; ++i) {
    step.items.push_back(static_cast<std::uint32_t>(i * 7 % items));
    step.labels.push_back(i % 3 == 0 ? 1 : 0);
  }
  fit.begin(context_, rows[0], rows[1]);
  fit.add_gradients(context_, fitted, step);
  std::vector<float> gradients[2] = {std::vector<float>(rows[0].size()), std::vector<float>(rows[1].size())};
  fit.gradients(context_, gradients[0], gradients[1]);

  double largest = 0;
  for (const std::size_t user : {3, 9, 18}) {
    for (int table = 0; table < 2; ++table) {
      const std::size_t width = table == 0 ? gmf_width() : mlp_width();
      for (std::size_t k = 0; k < std::min<std::size_t>(width, 12); ++k) {
        const std::size_t at = user * width + k;
        const float value = rows[table][at], difference = 0.0003f;  // so small that no ReLU turns
        double losses[2];
        for (int side = 0; side < 2; ++side) {
          rows[table][at] = value + (side == 0 ? -difference : difference);
          fit.begin(context_, rows[0], rows[1]);
          losses[side] = fit.add_gradients(context_, fitted, step);
        }
        rows[table][at] = value;
        const double slope = (losses[1] - losses[0]) / (2 * difference) / terms;
        EXPECT_NEAR(gradients[table][at], slope, 3e-3) << "user " << user << ", table " << table << ", " << k;
        largest = std::max(largest, std::abs(slope));
      }
    }
  }
  EXPECT_GT(largest, 0.02);
}

TEST_P(FoldingIn, HasTheGradientsOfUserRowsThatDifferencesShow) {
  for (const Loss loss : {Loss::bce, Loss::bpr, Loss::softmax}) {
    SCOPED_TRACE(name_of(loss));
    expect_gradients_of_differences({.loss = loss, .group = group});
  }
}

// The same bits alone, among others, on other threads, and for another order of lines.
TEST_P(FoldingIn, FitsAUserWhoeverIsBesideIt) {
  const std::string text = some_history();
  const History history(text, "history", *catalogue_);
  std::vector<std::uint32_t> everybody(history.users().ids().size());
  std::iota(everybody.begin(), everybody.end(), 0u);
  const auto rows_of = [&](Context<Device>& context, const History& from,
                           std::span<const std::uint32_t> wanted) {
    FoldIn<Device> fold_in(context, *checkpoint_, from);
    std::vector<float> gmf(wanted.size() * gmf_width()), mlp(wanted.size() * mlp_width());
    fold_in.read(wanted, gmf, mlp);
    gmf.insert(gmf.end(), mlp.begin(), mlp.end());
    return gmf;
  };
  test::TestContext<Device> more(3);
  const auto all = rows_of(context_, history, everybody);
  EXPECT_EQ(rows_of(more, history, everybody), all);
  const std::vector<std::uint32_t> few{44, 7, 7, 0};
  const auto some = rows_of(more, history, few);
  const std::size_t tables = everybody.size() * gmf_width(), own = few.size() * gmf_width();
  for (std::size_t place = 0; place < few.size(); ++place) {
    for (std::size_t k = 0; k < gmf_width(); ++k)
      EXPECT_EQ(some[place * gmf_width() + k], all[few[place] * gmf_width() + k]);
    for (std::size_t k = 0; k < mlp_width(); ++k)
      EXPECT_EQ(some[own + place * mlp_width() + k], all[tables + few[place] * mlp_width() + k]);
  }
  // One user's lines from the end to the beginning.
  std::string reversed;
  for (std::uint32_t item = 7; item < items; item += 9)
    reversed = fmt::format("visitor 7\titem {}\n", item) + reversed;
  const History alone(reversed, "history", *catalogue_);
  const std::vector<std::uint32_t> first{0}, seventh{7};
  EXPECT_EQ(rows_of(context_, alone, first), rows_of(context_, history, seventh));
}

// The same rows for every user: the mean of the trained ones.
class MeanRows : public UserRows {
 public:
  explicit MeanRows(CheckpointReader& checkpoint)
      : gmf_(static_cast<std::size_t>(checkpoint.shape().factors)),
        mlp_(static_cast<std::size_t>(checkpoint.shape().mlp_embedding())) {
    std::vector<std::uint32_t> all(users);
    std::iota(all.begin(), all.end(), 0u);
    std::vector<float> gmf(users * gmf_.size()), mlp(users * mlp_.size());
    checkpoint.read_users(all, gmf, mlp);
    for (std::size_t i = 0; i < gmf.size(); ++i) gmf_[i % gmf_.size()] += gmf[i] / users;
    for (std::size_t i = 0; i < mlp.size(); ++i) mlp_[i % mlp_.size()] += mlp[i] / users;
  }
  void read(std::span<const std::uint32_t>, std::span<float> gmf, std::span<float> mlp) override {
    for (std::size_t i = 0; i < gmf.size(); ++i) gmf[i] = gmf_[i % gmf_.size()];
    for (std::size_t i = 0; i < mlp.size(); ++i) mlp[i] = mlp_[i % mlp_.size()];
  }

 private:
  std::vector<float> gmf_, mlp_;
};

// Who has the best items of a user of the model becomes such a user: the loss of what it has and, with the
// weight of four, of what it has not is clearly less than at the rows that fitting begins with.
TEST_P(FoldingIn, LowersTheLoss) {
  constexpr std::uint32_t visitors = 12;
  constexpr std::size_t best = 40;
  std::vector<std::uint32_t> all(items);
  std::iota(all.begin(), all.end(), 0u);
  PairScorer<Device, float> trained(context_, *checkpoint_, items);
  std::string text;
  for (std::uint32_t user = 0; user < visitors; ++user) {
    const auto scores = trained.score(context_, std::vector<std::uint32_t>(items, user), all);
    auto order = all;
    std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) { return scores[a] > scores[b]; });
    for (std::size_t place = 0; place < best; ++place)
      text += fmt::format("visitor {},item {}\n", user, order[place]);
  }
  const History history(text, "history", *catalogue_);
  FoldIn<Device> fold_in(context_, *checkpoint_, history);
  MeanRows mean(*checkpoint_);
  const auto loss = [&](UserRows& rows, std::uint32_t user) {
    PairScorer<Device, float> scorer(context_, *checkpoint_, items, &rows);
    const auto scores = scorer.score(context_, std::vector<std::uint32_t>(items, user), all);
    const auto own = history.items(user);
    double has = 0, others = 0;
    for (const std::uint32_t item : all) {
      if (std::binary_search(own.begin(), own.end(), item))
        has += std::log1p(std::exp(-scores[item]));
      else
        others += std::log1p(std::exp(scores[item]));
    }
    return (has / best + 4 * others / (items - best)) / 5;
  };
  double gained = 0;
  for (std::uint32_t user = 0; user < visitors; ++user) {
    const double before = loss(mean, user), after = loss(fold_in, user);
    EXPECT_LT(after, before) << "user " << user;
    gained += (before - after) / visitors;
  }
  EXPECT_GT(gained, 0.02);
}

INSTANTIATE_TEST_SUITE_P(Shapes, FoldingIn, testing::ValuesIn(shapes), [](const auto& each) {
  return std::string(each.param.mlp_embedding() > 64 ? "wide_" : "") + name_of(each.param.kind());
});

class SavedByIals : public testing::Test, public test::SavedModel {
 protected:
  SavedByIals()
      : SavedModel(shapes[2], "loss = ials\nembedding_l2 = 0.25\nunobserved_weight = 0.5\nl2_power = 0.5\n") {
  }
};

// Nothing pulls at the row of a user whose least squares are solved.
TEST_F(SavedByIals, SolvesTheLeastSquaresOfUsers) {
  const History history(some_history(), "history", *catalogue_);
  FoldIn<Device> fold_in(context_, *checkpoint_, history);
  const ParameterLayout layout(checkpoint_->shape(), 1);
  const auto rows = checkpoint_->read(layout.item_gmf), head = checkpoint_->read(layout.head_gmf);
  const std::size_t factors = head.size();
  for (const std::uint32_t user : {0u, 17u, 44u}) {
    std::vector<float> x(factors), none;
    fold_in.read(std::vector{user}, x, none);
    const auto own = history.items(user);
    const double l2 = 0.25 * std::sqrt(static_cast<double>(own.size()) + 0.5 * items);
    std::vector<double> pull(factors), size(factors);
    for (std::size_t k = 0; k < factors; ++k) pull[k] = l2 * x[k];
    for (std::uint32_t item = 0; item < items; ++item) {
      const auto at = [&](std::size_t k) { return static_cast<double>(rows[item * factors + k]) * head[k]; };
      double score = 0;
      for (std::size_t k = 0; k < factors; ++k) score += at(k) * x[k];
      const bool has = std::binary_search(own.begin(), own.end(), item);
      for (std::size_t k = 0; k < factors; ++k) {
        pull[k] += 0.5 * score * at(k) - (has ? (1 - score) * at(k) : 0);
        size[k] += std::fabs(at(k));
      }
    }
    for (std::size_t k = 0; k < factors; ++k) EXPECT_NEAR(pull[k] / size[k], 0, 1e-5) << user << ", " << k;
  }
  EXPECT_EQ(fold_in.fitted(), 3u);
}

TEST_F(Saved, FitsWhoHasTheWholeCatalogue) {
  std::string text;
  for (std::uint32_t item = 0; item < items; ++item) text += fmt::format("everything,item {}\n", item);
  const History history(text, "history", *catalogue_);
  FoldIn<Device> fold_in(context_, *checkpoint_, history);
  const std::vector<std::uint32_t> user{0};
  std::vector<float> gmf(4), mlp(6);
  fold_in.read(user, gmf, mlp);
  for (const float value : gmf) EXPECT_TRUE(std::isfinite(value));
}

TEST_F(Saved, ReadsAHistory) {
  const History history(
      "customerId,productId\n\nb,item 5\na,item 7\nb,item 2\r\nb,\"item 5\"\nc,new\nb,new\nb,newer\n",
      "h.csv", *catalogue_);
  EXPECT_THAT(history.users().ids(), ElementsAre("b", "a"));
  EXPECT_THAT(history.items(0), ElementsAre(2, 5));
  EXPECT_THAT(history.items(1), ElementsAre(7));
  EXPECT_EQ(history.interactions(), 3u);
  EXPECT_EQ(history.unknown_items(), 2u);
  EXPECT_EQ(history.first_unknown_item(), "line 7: 'new'");
  EXPECT_THAT(history.everybody().ids, ElementsAre("b", "a", "c"));
  EXPECT_THAT(history.everybody().rows, ElementsAre(0, 1, no_row));
  EXPECT_EQ(history.everybody().first_unknown, "'c'");
  const std::vector<std::string> asked{"nobody", "b", "a"};
  const ItemLists lists = HistoryItems(history).excluded(asked);
  EXPECT_THAT(lists.offsets, ElementsAre(0, 0, 2, 3));
  EXPECT_THAT(lists.items, ElementsAre(2, 5, 7));
}

TEST_F(Saved, RefusesWhatIsNoHistory) {
  const auto message = [&](const std::string& text, const std::string& part) {
    EXPECT_THAT([&] { History(text, "h.csv", *catalogue_); }, ThrowsMessage<Error>(HasSubstr(part))) << text;
  };
  message("", "h.csv: there is no pair");
  message("user_id,item_id\n", "h.csv: there is no pair");
  message("a,item 1\nb\n", "h.csv: line 2: 'b' is not a pair");
  message("a,item 1,5\n", "h.csv: line 1: 'a,item 1,5' is not a pair");
  message("jos\xE9,item 1\njosé,item 1\n", "h.csv: line 2: two different users become 'josé'");
  message("a,x\na,y\n",
          "h.csv: none of its 2 items is in the checkpoint's catalogue, beginning with line 1: 'x'");
}

}  // namespace
}  // namespace neumf::serve
