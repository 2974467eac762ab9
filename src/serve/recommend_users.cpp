#include "neumf/serve/recommend_users.hpp"

#include <algorithm>
#include <memory>
#include <optional>

#include "neumf/core/error.hpp"
#include "neumf/core/stopwatch.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/serve/recommender.hpp"
#include "neumf/serve/variety.hpp"

namespace neumf::serve {
namespace {

// Users that a rank takes at a time: enough for large products, few enough for every rank to have some, and
// for their rankings to stay small.
std::int64_t users_per_block(std::size_t users, int ranks, std::int64_t topk) {
  const auto share = (static_cast<std::int64_t>(users) + ranks - 1) / ranks;
  const std::int64_t most = std::clamp<std::int64_t>((std::int64_t{1} << 22) / topk, 1, 4096);
  return std::clamp<std::int64_t>(share, 1, most);
}

// The items that anybody may get, ascending; none where that is all of them.
std::vector<std::uint32_t> allowed_items(const ItemFilter* filter, std::int64_t items) {
  std::vector<std::uint32_t> allowed;
  if (filter == nullptr) return allowed;
  for (std::uint32_t item = 0; item < items; ++item)
    if (filter->allows(item)) allowed.push_back(item);
  require(!allowed.empty(), "no item may be recommended: the filters leave none of {}", items);
  if (static_cast<std::int64_t>(allowed.size()) == items) allowed.clear();
  return allowed;
}

struct Block {
  std::size_t first, count;
};

template <class Device, class T>
class Run {
 public:
  Run(Context<Device>& context, CheckpointReader& checkpoint, const RecommendationRequest& request,
      std::int64_t users_per_block)
      : context_(context),
        request_(request),
        recommender_(context, checkpoint, static_cast<int>(request.topk), users_per_block,
                     allowed_items(request.filter, checkpoint.shape().items), request.rows) {}

  std::size_t topk() const { return static_cast<std::size_t>(recommender_.topk()); }

  Ranking rank_items(const Block& block) {
    const auto ids = std::span(request_.users.ids).subspan(block.first, block.count);
    const auto rows = std::span(request_.users.rows).subspan(block.first, block.count);
    const bool filtered = request_.filter != nullptr;
    ItemLists excluded;
    if (filtered) excluded = request_.filter->excluded(ids);
    // An unknown user takes the place of user 0 until popular items replace the ranking.
    std::vector<std::uint32_t> users(rows.begin(), rows.end());
    std::replace(users.begin(), users.end(), no_row, 0u);
    Ranking ranking = recommender_.recommend(context_, users, filtered ? &excluded : nullptr);
    for (std::size_t u = 0; u < rows.size(); ++u) {
      if (rows[u] != no_row) continue;
      const auto own = filtered ? excluded.of(u) : std::span<const std::uint32_t>();
      std::ranges::copy(request_.popularity.best(topk(), own),
                        ranking.items.begin() + static_cast<std::ptrdiff_t>(u * topk()));
    }
    return ranking;
  }

 private:
  Context<Device>& context_;
  const RecommendationRequest& request_;
  Recommender<Device, T> recommender_;
};

void send(const Communicator& communicator, const Ranking& ranking) {
  communicator.send(std::as_bytes(std::span(ranking.items)), 0);
  communicator.send(std::as_bytes(std::span(ranking.scores)), 0);
}

Ranking receive(const Communicator& communicator, int from, std::size_t places) {
  Ranking ranking{std::vector<std::uint32_t>(places), std::vector<float>(places)};
  communicator.receive(std::as_writable_bytes(std::span(ranking.items)), from);
  communicator.receive(std::as_writable_bytes(std::span(ranking.scores)), from);
  return ranking;
}

void count(RecommendationCounts& counts, const Ranking& ranking, std::size_t topk) {
  for (auto list = ranking.items.begin(); list != ranking.items.end();
       list += static_cast<std::ptrdiff_t>(topk)) {
    const auto end = list + static_cast<std::ptrdiff_t>(topk);
    const auto found =
        static_cast<std::uint64_t>(topk) - static_cast<std::uint64_t>(std::count(list, end, ops::no_item));
    counts.items += found;
    counts.short_lists += found < topk ? 1 : 0;
    counts.empty_lists += found == 0 ? 1 : 0;
  }
}

void write(RecommendationWriter& writer, const UserList& users, const Block& block, const Ranking& ranking) {
  std::vector<std::uint8_t> known;
  for (std::size_t u = block.first; u < block.first + block.count; ++u)
    known.push_back(users.rows[u] != no_row ? 1 : 0);
  writer.write(std::span(users.ids).subspan(block.first, block.count), known, ranking);
}

}  // namespace

template <class Device, class T>
RecommendationOutcome recommend_users(Context<Device>& context, const Communicator& communicator,
                                      CheckpointReader& checkpoint, const RecommendationRequest& request,
                                      RecommendationWriter* writer) {
  ServingTimes times;
  RecommendationCounts counts;
  std::optional<Variety> variety;  // on rank 0
  Stopwatch time;
  const std::size_t users = request.users.ids.size();
  const auto size = static_cast<std::size_t>(request.users_at_once > 0
                                                 ? request.users_at_once
                                                 : users_per_block(users, communicator.size(), request.topk));
  std::optional<Run<Device, T>> run;
  communicator.together([&] {
    run.emplace(context, checkpoint, request, static_cast<std::int64_t>(size));
    context.synchronize();
    if (communicator.is_root())
      variety.emplace(static_cast<std::uint64_t>(checkpoint.shape().items), checkpoint.item_counts(),
                      static_cast<std::uint64_t>(checkpoint.shape().users));
  });
  times.loading = time.seconds();

  time.restart();
  const auto ranks = static_cast<std::size_t>(communicator.size());
  const auto block_of = [&](std::size_t round, std::size_t rank) {
    const std::size_t first = std::min(users, (round + rank) * size);
    return Block{first, std::min(size, users - first)};
  };
  for (std::size_t round = 0; round * size < users; round += ranks) {
    Ranking ranking;
    communicator.together(
        [&] { ranking = run->rank_items(block_of(round, static_cast<std::size_t>(communicator.rank()))); });
    if (!communicator.is_root()) send(communicator, ranking);
    // Rank 0 goes on receiving after a failure: the others are sending.
    communicator.together([&] {
      std::exception_ptr failure;
      for (std::size_t rank = 0; communicator.is_root() && rank < ranks; ++rank) {
        const Block block = block_of(round, rank);
        if (rank > 0) ranking = receive(communicator, static_cast<int>(rank), block.count * run->topk());
        try {
          if (!failure) write(*writer, request.users, block, ranking);
          count(counts, ranking, run->topk());
          variety->add(ranking.items);
        } catch (...) {
          failure = std::current_exception();
        }
      }
      if (failure) std::rethrow_exception(failure);
    });
  }
  communicator.together([&] {
    if (communicator.is_root()) writer->publish();
  });
  times.serving = time.seconds();
  if (variety) {
    counts.coverage = variety->coverage();
    counts.novelty = variety->novelty();
  }
  return {times, counts};
}

#define NEUMF_INSTANTIATE(DEVICE, T)                                                                         \
  template RecommendationOutcome recommend_users<DEVICE, T>(Context<DEVICE>&, const Communicator&,           \
                                                            CheckpointReader&, const RecommendationRequest&, \
                                                            RecommendationWriter*);
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::serve
