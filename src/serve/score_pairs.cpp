#include "neumf/serve/score_pairs.hpp"

#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "neumf/core/csv.hpp"
#include "neumf/core/error.hpp"
#include "neumf/data/utf8.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/serve/pair_scorer.hpp"
#include "neumf/serve/text.hpp"

namespace neumf::serve {
namespace {

constexpr std::size_t pairs_per_rank = 65536;  // at a time

std::string json_string(const std::string& text) {
  return nlohmann::json(to_utf8(text)).dump();
}

std::string formatted(const PairStreams& streams, const PairBlock& pairs, std::span<const float> scores) {
  std::string text;
  auto out = std::back_inserter(text);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const auto& user = streams.users.ids()[pairs.users[i]];
    const auto& item = streams.items.ids()[pairs.items[i]];
    if (streams.format == OutputFormat::csv)
      fmt::format_to(out, "{},{},{}\n", csv_field(user), csv_field(item), scores[i]);
    else
      fmt::format_to(out, "{{\"user\": {}, \"item\": {}, \"score\": {}}}\n", json_string(user),
                     json_string(item), std::isfinite(scores[i]) ? fmt::format("{}", scores[i]) : "null");
  }
  return text;
}

// The part of `total` pairs that a rank scores.
struct Share {
  std::size_t first, count;

  Share(std::size_t total, std::size_t rank, std::size_t ranks)
      : first(total * rank / ranks), count(total * (rank + 1) / ranks - first) {}
  template <class V>
  auto of(V& values) const {
    return std::span(values).subspan(first, count);
  }
};

}  // namespace

template <class Device, class T>
std::uint64_t score_pairs(Context<Device>& context, const Communicator& communicator,
                          CheckpointReader& checkpoint, const PairStreams* streams, UserRows* rows) {
  const auto ranks = static_cast<std::size_t>(communicator.size());
  const auto me = static_cast<std::size_t>(communicator.rank());
  std::optional<PairScorer<Device, T>> scorer;
  communicator.together(
      [&] { scorer.emplace(context, checkpoint, static_cast<std::int64_t>(pairs_per_rank), rows); });
  std::uint64_t done = 0;
  for (;;) {
    PairBlock pairs;  // all on rank 0, its own share elsewhere
    communicator.together([&] {
      if (streams != nullptr) pairs = streams->input.next(pairs_per_rank * ranks);
    });
    const auto total = static_cast<std::size_t>(communicator.sum<std::uint64_t>(pairs.users.size()));
    if (total == 0) break;
    const Share share(total, me, ranks);
    if (streams != nullptr) {
      for (std::size_t rank = 1; rank < ranks; ++rank)
        for (auto* part : {&pairs.users, &pairs.items})
          communicator.send(std::as_bytes(Share(total, rank, ranks).of(*part)), static_cast<int>(rank));
    } else {
      for (auto* part : {&pairs.users, &pairs.items}) {
        part->resize(share.count);
        communicator.receive(std::as_writable_bytes(std::span(*part)), 0);
      }
    }
    std::vector<float> scores(total);
    communicator.together([&] {
      const Share mine = streams != nullptr ? share : Share(share.count, 0, 1);
      const auto result = scorer->score(context, mine.of(pairs.users), mine.of(pairs.items));
      std::copy(result.begin(), result.end(), share.of(scores).begin());
    });
    if (streams != nullptr) {
      for (std::size_t rank = 1; rank < ranks; ++rank)
        communicator.receive(std::as_writable_bytes(Share(total, rank, ranks).of(scores)),
                             static_cast<int>(rank));
    } else {
      communicator.send(std::as_bytes(share.of(scores)), 0);
    }
    communicator.together([&] {
      if (streams != nullptr) streams->output.write(formatted(*streams, pairs, scores));
    });
    done += total;
  }
  communicator.together([&] {
    if (streams != nullptr) streams->output.publish();
  });
  return done;
}

#define NEUMF_INSTANTIATE(DEVICE, T)                                                                      \
  template std::uint64_t score_pairs<DEVICE, T>(Context<DEVICE>&, const Communicator&, CheckpointReader&, \
                                                const PairStreams*, UserRows*);
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::serve
