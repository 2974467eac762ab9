// Recommendations and scores against every pair scored in double precision from the checkpoint's weights.
#include "neumf/serve/recommender.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <set>
#include <sstream>

#include "neumf/core/error.hpp"
#include "neumf/serve/item_filter.hpp"
#include "neumf/serve/pair_scorer.hpp"
#include "neumf/serve/recommend_users.hpp"
#include "neumf/serve/score_pairs.hpp"
#include "neumf/serve/seen_items.hpp"
#include "saved_model.hpp"

namespace neumf::serve {
namespace {

using test::Device;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::uint32_t users = 40, items = 300;
const ModelShape shape{users, items, 4, {12, 10, 6}};

class Serving : public testing::Test, public test::SavedModel {
 protected:
  Serving() : SavedModel(shape) {}

  // Logits [users, items].
  std::vector<double> all_logits() {
    const ParameterLayout layout(shape, users);
    const auto read = [&](const Segment& s) { return checkpoint_->read(s); };
    const auto item_gmf = read(layout.item_gmf), item_mlp = read(layout.item_mlp),
               head_gmf = read(layout.head_gmf);
    const auto head_mlp = read(layout.head_mlp), pair_user = read(layout.pair_user);
    const auto pair_item = read(layout.pair_item), pair_bias = read(layout.pair_bias);
    const auto weight = read(layout.hidden_weight[0]), bias = read(layout.hidden_bias[0]);
    const double head_bias = read(layout.head_bias)[0];
    std::vector<float> user_gmf(users * 4), user_mlp(users * 6);
    std::vector<std::uint32_t> everybody(users);
    std::iota(everybody.begin(), everybody.end(), 0u);
    checkpoint_->read_users(everybody, user_gmf, user_mlp);
    std::vector<double> logits;
    for (std::size_t u = 0; u < users; ++u)
      for (std::size_t i = 0; i < items; ++i) {
        double logit = head_bias;
        for (std::size_t k = 0; k < 4; ++k)
          logit += double{user_gmf[u * 4 + k]} * item_gmf[i * 4 + k] * head_gmf[k];
        std::vector<double> hidden;
        for (std::size_t h = 0; h < 10; ++h) {
          double sum = pair_bias[h];
          for (std::size_t k = 0; k < 6; ++k)
            sum += double{pair_user[h * 6 + k]} * user_mlp[u * 6 + k] +
                   double{pair_item[h * 6 + k]} * item_mlp[i * 6 + k];
          hidden.push_back(std::max(sum, 0.0));
        }
        for (std::size_t m = 0; m < 6; ++m) {
          double sum = bias[m];
          for (std::size_t h = 0; h < 10; ++h) sum += weight[m * 10 + h] * hidden[h];
          logit += head_mlp[m] * std::max(sum, 0.0);
        }
        logits.push_back(logit);
      }
    return logits;
  }

  // A user's ranking against the best of its logits that are not excluded.
  static void expect_best(const std::vector<double>& logits, std::uint32_t user,
                          std::span<const std::uint32_t> excluded, std::span<const std::uint32_t> got,
                          std::span<const float> scores, double tolerance) {
    std::vector<double> mine(logits.begin() + user * items, logits.begin() + (user + 1) * items);
    for (const std::uint32_t item : excluded) mine[item] = -INFINITY;
    std::vector<double> sorted = mine;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    const std::set<std::uint32_t> distinct(got.begin(), got.end());
    EXPECT_EQ(distinct.size(), got.size()) << "user " << user;
    for (std::size_t place = 0; place < got.size(); ++place) {
      ASSERT_LT(got[place], items) << "user " << user;
      EXPECT_NEAR(mine[got[place]], sorted[place], tolerance) << "user " << user << ", place " << place;
      EXPECT_NEAR(scores[place], mine[got[place]], tolerance) << "user " << user << ", place " << place;
    }
  }

  template <class T>
  void check_recommender(int threads, double tolerance) {
    test::TestContext<Device> context(threads);
    Recommender<Device, T> recommender(context, *checkpoint_, 15, 32);
    // Any order, with repetitions, from several parts.
    const std::vector<std::uint32_t> wanted{39, 0, 17, 0, 18, 5};
    ItemLists excluded;
    for (std::size_t u = 0; u < wanted.size(); ++u) {
      for (std::uint32_t item = static_cast<std::uint32_t>(u); item < items; item += 3)
        excluded.items.push_back(item);
      excluded.offsets.push_back(excluded.items.size());
    }
    const auto logits = all_logits();
    for (const ItemLists* lists :
         {static_cast<const ItemLists*>(nullptr), static_cast<const ItemLists*>(&excluded)}) {
      const Ranking ranking = recommender.recommend(context, wanted, lists);
      for (std::size_t u = 0; u < wanted.size(); ++u) {
        std::span<const std::uint32_t> list;
        if (lists != nullptr)
          list = std::span(excluded.items)
                     .subspan(excluded.offsets[u], excluded.offsets[u + 1] - excluded.offsets[u]);
        expect_best(logits, wanted[u], list, std::span(ranking.items).subspan(u * 15, 15),
                    std::span(ranking.scores).subspan(u * 15, 15), tolerance);
      }
    }
    EXPECT_TRUE(recommender.recommend(context, {}).items.empty());
  }
};

TEST_F(Serving, RanksTheWholeCatalogue) {
  check_recommender<float>(1, 1e-5);
  check_recommender<float>(3, 1e-5);
  check_recommender<bfloat16>(1, 0.1);
  check_recommender<float16>(2, 0.02);
}

TEST_F(Serving, ScoresPairs) {
  const auto logits = all_logits();
  PairScorer<Device, float> scorer(context_, *checkpoint_, 2000);
  std::vector<std::uint32_t> some_users, some_items;
  for (std::uint32_t i = 0; i < 1500; ++i) {
    some_users.push_back(i * 7 % users);
    some_items.push_back(i * 11 % items);
  }
  const auto scores = scorer.score(context_, some_users, some_items);
  for (std::size_t i = 0; i < scores.size(); ++i)
    ASSERT_NEAR(scores[i], logits[some_users[i] * items + some_items[i]], 1e-5) << i;
  EXPECT_TRUE(scorer.score(context_, {}, {}).empty());
}

TEST_F(Serving, KnowsWhatUsersHaveSeen) {
  const SeenItems seen(directory_, *catalogue_);
  const std::vector<std::string> some{"139", "stranger", "100"};  // ids begin at 100
  const auto lists = seen.excluded(some);
  ASSERT_EQ(lists.offsets.size(), 4u);
  for (const auto& [place, user] : {std::pair<std::size_t, std::size_t>{0, 39}, {2, 0}}) {
    std::vector<std::uint32_t> want(
        data_.items.begin() + static_cast<std::ptrdiff_t>(data_.offsets[user]),
        data_.items.begin() + static_cast<std::ptrdiff_t>(data_.offsets[user + 1]));
    want.push_back(data_.test.items[user]);
    std::sort(want.begin(), want.end());
    const std::vector<std::uint32_t> got(
        lists.items.begin() + static_cast<std::ptrdiff_t>(lists.offsets[place]),
        lists.items.begin() + static_cast<std::ptrdiff_t>(lists.offsets[place + 1]));
    EXPECT_EQ(got, want) << "user " << user;
  }
  EXPECT_EQ(lists.offsets[1], lists.offsets[2]);
  const auto counts = seen.counts();
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}), data_.items.size() + users);
}

// Items that the model does not know cannot be recommended, so they need no leaving out.
TEST_F(Serving, PassesOverSeenItemsThatItDoesNotKnow) {
  const IdIndex smaller({"item 7", "item 3"});
  const SeenItems seen(directory_, smaller);
  EXPECT_EQ(seen.unknown_items(), items - 2u);
  EXPECT_EQ(seen.first_unknown_item(), "item 0");
  const SeenItems all(directory_, *catalogue_);
  const auto known = seen.excluded(known_->ids()), everything = all.excluded(known_->ids());
  for (std::size_t u = 0; u < users; ++u) {
    std::vector<std::uint32_t> want;
    for (auto i = everything.offsets[u]; i < everything.offsets[u + 1]; ++i)
      if (const auto row = smaller.find(catalogue_->ids()[everything.items[i]])) want.push_back(*row);
    std::sort(want.begin(), want.end());
    const std::vector<std::uint32_t> got(
        known.items.begin() + static_cast<std::ptrdiff_t>(known.offsets[u]),
        known.items.begin() + static_cast<std::ptrdiff_t>(known.offsets[u + 1]));
    EXPECT_EQ(got, want);
  }
  EXPECT_EQ(seen.counts().size(), 2u);
  EXPECT_EQ(seen.counts()[1], all.counts()[3]);
}

// A user who may not get an item, and items that nobody may get.
TEST(ItemFilters, Compose) {
  const IdIndex catalogue({"a", "b", "c", "d", "e"});
  using Meaning = ListedItems::Meaning;
  struct Has : ItemFilter {
    ItemLists excluded(std::span<const std::string> of) const override {
      ItemLists lists;
      for (const auto& user : of) {
        lists.items.push_back(user == "x" ? 1 : 2);
        lists.offsets.push_back(lists.items.size());
      }
      return lists;
    }
  };
  struct HasMore : ItemFilter {
    ItemLists excluded(std::span<const std::string> of) const override {
      return {std::vector<std::uint64_t>(of.size() + 1, 0), {}};
    }
  };
  AllFilters all;
  EXPECT_TRUE(all.allows(4));
  all.add(std::make_unique<Has>());
  all.add(std::make_unique<HasMore>());
  all.add(std::make_unique<ListedItems>(Meaning::allowed, "item_id\nd\nnew\na\nb\n", "list", catalogue));
  all.add(std::make_unique<ListedItems>(Meaning::denied, "b\n", "list", catalogue));
  std::vector<bool> allowed;
  for (std::uint32_t item = 0; item < 5; ++item) allowed.push_back(all.allows(item));
  EXPECT_THAT(allowed, testing::ElementsAre(true, false, false, true, false));
  const std::vector<std::string> of{"x", "y"};
  const auto lists = all.excluded(of);
  EXPECT_THAT(lists.items, testing::ElementsAre(1, 2));
  EXPECT_THAT(lists.offsets, testing::ElementsAre(0, 1, 2));
  EXPECT_THAT([&] { ListedItems(Meaning::allowed, "new\n", "file", catalogue); },
              ThrowsMessage<Error>(
                  HasSubstr("file: none of its 1 ids is an item of the model, beginning with line 1: "
                            "'new'")));
}

// The same pairs by the best of the catalogue, of a part of it, and one by one.
TEST_F(Serving, GivesAPairTheSameBits) {
  std::vector<std::uint32_t> third;
  for (std::uint32_t item = 1; item < items; item += 3) third.push_back(item);
  Recommender<Device, float> all(context_, *checkpoint_, items, 16),
      some(context_, *checkpoint_, items, 7, third);
  PairScorer<Device, float> scorer(context_, *checkpoint_, 3);
  const std::vector<std::uint32_t> wanted{31, 2};
  const auto whole = all.recommend(context_, wanted), part = some.recommend(context_, wanted);
  for (std::size_t user = 0; user < 2; ++user) {
    std::vector<std::uint32_t> order;
    std::vector<float> scores;
    for (std::size_t place = 0; place < items; ++place) {
      const auto item = whole.items[user * items + place];
      const float score = whole.scores[user * items + place];
      EXPECT_EQ(score, scorer.score(context_, std::span(&wanted[user], 1), std::span(&item, 1))[0]);
      if (item % 3 != 1) continue;
      order.push_back(item);
      scores.push_back(score);
    }
    for (std::size_t place = 0; place < order.size(); ++place) {
      EXPECT_EQ(part.items[user * items + place], order[place]);
      EXPECT_EQ(part.scores[user * items + place], scores[place]);
    }
    EXPECT_EQ(part.items[user * items + order.size()], ops::no_item);
  }
}

TEST_F(Serving, RefusesADataSetWithOtherItems) {
  const IdIndex others({"nothing", "of these"});
  EXPECT_THAT([&] { SeenItems(directory_, others); },
              ThrowsMessage<Error>(HasSubstr("none of its 300 items is in the checkpoint's catalogue")));
}

// Collects what a writer is given.
class Collector : public RecommendationWriter {
 public:
  void write(std::span<const std::string> written, std::span<const std::uint8_t> are_known,
             const Ranking& ranking) override {
    if (broken) fail("the disk is full");
    ids.insert(ids.end(), written.begin(), written.end());
    known.insert(known.end(), are_known.begin(), are_known.end());
    all.items.insert(all.items.end(), ranking.items.begin(), ranking.items.end());
    all.scores.insert(all.scores.end(), ranking.scores.begin(), ranking.scores.end());
  }
  void publish() override { published = true; }

  std::vector<std::string> ids;
  std::vector<std::uint8_t> known;
  Ranking all;
  bool published = false, broken = false;
};

TEST_F(Serving, SharesUsersAmongRanksInTheOrderAsked) {
  const SeenItems seen(directory_, *catalogue_);
  RecommendationRequest request;
  request.users = listed_ids("--users", "139,stranger,100,117,118,105,105,101,102,103,104", *known_);
  request.topk = 5;
  request.users_at_once = 2;  // several rounds, the last one incomplete
  request.filter = &seen;
  request.popularity = Popularity(checkpoint_->item_counts());
  Collector collector;
  recommend_users<Device, float>(context_, world_, *checkpoint_, request,
                                 world_.is_root() ? &collector : nullptr);
  EXPECT_EQ(collector.published, world_.is_root());
  if (!world_.is_root()) return;
  EXPECT_EQ(collector.ids, request.users.ids);
  const auto logits = all_logits();
  const auto lists = seen.excluded(request.users.ids);
  for (std::size_t u = 0; u < collector.ids.size(); ++u) {
    const auto got = std::span(collector.all.items).subspan(u * 5, 5);
    EXPECT_EQ(collector.known[u], u == 1 ? 0 : 1);
    if (u == 1)
      EXPECT_THAT(got, testing::ElementsAre(6, 13, 20, 27, 34));  // those with most counts
    else
      expect_best(logits, request.users.rows[u],
                  std::span(lists.items).subspan(lists.offsets[u], lists.offsets[u + 1] - lists.offsets[u]),
                  got, std::span(collector.all.scores).subspan(u * 5, 5), 1e-5);
  }
}

TEST_F(Serving, EndsOnAllRanksWhenWritingFails) {
  RecommendationRequest request;
  request.users = all_ids(*known_);
  Collector collector;
  collector.broken = true;
  const auto recommend = [&] {
    auto* writer = world_.is_root() ? &collector : nullptr;
    recommend_users<Device, float>(context_, world_, *checkpoint_, request, writer);
  };
  EXPECT_THAT(recommend, ThrowsMessage<CollectiveError>(HasSubstr("the disk is full")));
  EXPECT_FALSE(collector.published);
}

TEST_F(Serving, ScoresAStreamOfPairs) {
  const auto output_path = directory_ / "scores.csv";
  std::ostringstream text;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    pairs.emplace_back(i * 7 % users, i * 11 % items);
    text << 100 + pairs.back().first << ",item " << pairs.back().second << "\n";
  }
  std::istringstream input(text.str());
  std::optional<PairReader> reader;
  std::optional<OutputFile> output;
  std::optional<PairStreams> streams;
  if (world_.is_root()) {
    reader.emplace(input, "pairs", *known_, *catalogue_);
    output.emplace(output_path);
    streams.emplace(PairStreams{*reader, *output, OutputFormat::csv, *known_, *catalogue_});
  }
  const auto done = score_pairs<Device, float>(context_, world_, *checkpoint_, streams ? &*streams : nullptr);
  EXPECT_EQ(done, pairs.size());
  if (!world_.is_root()) return;
  const auto logits = all_logits();
  std::ifstream file(output_path);
  std::string line;
  for (const auto& [user, item] : pairs) {
    ASSERT_TRUE(std::getline(file, line));
    const auto comma = line.rfind(',');
    EXPECT_EQ(line.substr(0, comma), fmt::format("{},item {}", 100 + user, item));
    EXPECT_NEAR(std::stod(line.substr(comma + 1)), logits[user * items + item], 1e-5) << line;
  }
  EXPECT_FALSE(std::getline(file, line));
}

TEST_F(Serving, SaysWhatIsWrongWithACheckpoint) {
  EXPECT_THAT([&] { CheckpointReader reader(directory_ / layout::dataset_file); },
              ThrowsMessage<Error>(HasSubstr("not a neumf checkpoint")));
  world_.barrier();
  if (world_.is_root()) std::filesystem::remove(checkpoint_->part_path(0));
  world_.barrier();
  EXPECT_THAT([&] { CheckpointReader reader(directory_ / "run/best.h5"); },
              ThrowsMessage<Error>(HasSubstr("part-0000")));
}

}  // namespace
}  // namespace neumf::serve
