// Recommendations as CSV, JSON lines or HDF5, written block by block.
//
// CSV: user_id,rank,item_id,score[,title], ranks from 1, a line per item; the score is empty where a popular
// item
//   stands in for an unknown user's.
// JSON lines: {"user": "7", "known": true, "items": [{"item": "50", "score": 3.2, "title": "..."}, ...]}, a
// line
//   per user; ids are strings, and without a score there is no "score".
// HDF5: /users [n] ids, known [n] 0 or 1, /items [n, K] rows of /catalogue/ids (4294967295 where there is
// none),
//   /scores [n, K] (not a number where there is none), /catalogue/ids, and /catalogue/titles where there are
//   any.
// Scores are logits: a probability is 1 / (1 + exp(-score)).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "neumf/serve/recommender.hpp"

namespace neumf::serve {

// What the items are called. `titles` is empty, or has one for each item (empty where there is none).
struct Catalogue {
  std::vector<std::string> ids, titles;
};

class RecommendationWriter {
 public:
  virtual ~RecommendationWriter() = default;
  // The next users, with `ranking` [users, K]. known[u] is 0 where the items are merely popular.
  virtual void write(std::span<const std::string> users, std::span<const std::uint8_t> known,
                     const Ranking& ranking) = 0;
  // Makes the file appear. Without it nothing is left behind.
  virtual void publish() = 0;
};

enum class OutputFormat { csv, jsonl, hdf5 };
constexpr auto value_names(OutputFormat) {
  return std::to_array<NamedValue<OutputFormat>>(
      {{"csv", OutputFormat::csv}, {"jsonl", OutputFormat::jsonl}, {"hdf5", OutputFormat::hdf5}});
}

// `output`: a file, or empty or "-" for standard output, which HDF5 cannot be written to. `users`: how many
// there will be. Throws Error naming the file.
std::unique_ptr<RecommendationWriter> make_recommendation_writer(OutputFormat format,
                                                                 const std::filesystem::path& output,
                                                                 const Catalogue& catalogue,
                                                                 std::uint64_t users, std::int64_t topk);

}  // namespace neumf::serve
