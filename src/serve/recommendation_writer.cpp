#include "neumf/serve/recommendation_writer.hpp"

#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "neumf/core/csv.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/version.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/data/utf8.hpp"
#include "neumf/serve/output_file.hpp"
#include "neumf/serve/text.hpp"

namespace neumf::serve {
namespace {

// A row of a ranking: calls each(place, item, score) for the places that are filled.
template <class Each>
void for_each_item(const Ranking& ranking, std::size_t user, std::size_t topk, const Each& each) {
  for (std::size_t place = 0; place < topk; ++place) {
    const std::size_t at = user * topk + place;
    if (ranking.items[at] != ops::no_item) each(place, ranking.items[at], ranking.scores[at]);
  }
}

std::string json_string(const std::string& text) {
  return nlohmann::json(to_utf8(text)).dump();
}

class CsvWriter : public RecommendationWriter {
 public:
  CsvWriter(const std::filesystem::path& output, const Catalogue& catalogue, std::int64_t topk)
      : file_(output), topk_(static_cast<std::size_t>(topk)) {
    const bool titles = !catalogue.titles.empty();
    for (std::size_t item = 0; item < catalogue.ids.size(); ++item) {
      ids_.push_back(csv_field(catalogue.ids[item]));
      endings_.push_back(titles ? fmt::format(",{}\n", csv_field(catalogue.titles[item])) : "\n");
    }
    file_.write(titles ? "user_id,rank,item_id,score,title\n" : "user_id,rank,item_id,score\n");
  }

  void write(std::span<const std::string> users, std::span<const std::uint8_t> known,
             const Ranking& ranking) override {
    std::string text;
    auto out = std::back_inserter(text);
    for (std::size_t user = 0; user < users.size(); ++user) {
      const std::string id = csv_field(users[user]);
      for_each_item(ranking, user, topk_, [&](std::size_t place, std::uint32_t item, float score) {
        fmt::format_to(out, "{},{},{},", id, place + 1, ids_[item]);
        if (known[user] != 0) fmt::format_to(out, "{}", score);
        text += endings_[item];
      });
    }
    file_.write(text);
  }

  void publish() override { file_.publish(); }

 private:
  OutputFile file_;
  std::size_t topk_;
  std::vector<std::string> ids_, endings_;  // of each item, ready to be written
};

class JsonWriter : public RecommendationWriter {
 public:
  JsonWriter(const std::filesystem::path& output, const Catalogue& catalogue, std::int64_t topk)
      : file_(output), topk_(static_cast<std::size_t>(topk)) {
    for (std::size_t item = 0; item < catalogue.ids.size(); ++item) {
      beginnings_.push_back("{\"item\": " + json_string(catalogue.ids[item]));
      const bool title = !catalogue.titles.empty() && !catalogue.titles[item].empty();
      endings_.push_back(title ? ", \"title\": " + json_string(catalogue.titles[item]) + "}" : "}");
    }
  }

  void write(std::span<const std::string> users, std::span<const std::uint8_t> known,
             const Ranking& ranking) override {
    std::string text;
    auto out = std::back_inserter(text);
    for (std::size_t user = 0; user < users.size(); ++user) {
      fmt::format_to(out, R"({{"user": {}, "known": {}, "items": [)", json_string(users[user]),
                     known[user] != 0);
      for_each_item(ranking, user, topk_, [&](std::size_t place, std::uint32_t item, float score) {
        if (place > 0) text += ", ";
        text += beginnings_[item];
        // JSON has no infinity, which only overflow in half precision makes.
        if (known[user] != 0 && std::isfinite(score)) fmt::format_to(out, ", \"score\": {}", score);
        text += endings_[item];
      });
      text += "]}\n";
    }
    file_.write(text);
  }

  void publish() override { file_.publish(); }

 private:
  OutputFile file_;
  std::size_t topk_;
  std::vector<std::string> beginnings_, endings_;  // of each item's object, around the score
};

class Hdf5Writer : public RecommendationWriter {
 public:
  Hdf5Writer(const std::filesystem::path& output, const Catalogue& catalogue, std::uint64_t users,
             std::int64_t topk)
      : file_(output), hdf5_(hdf5::File::create(file_.temporary())), topk_(static_cast<hsize_t>(topk)) {
    hdf5_->set_attribute("kind", std::string("neumf-recommendations"));
    hdf5_->set_attribute("created_by", fmt::format("neumf {}", version()));
    hdf5_->write_strings("/catalogue/ids", catalogue.ids);
    if (!catalogue.titles.empty()) hdf5_->write_strings("/catalogue/titles", catalogue.titles);
    hdf5_->create_dataset("/known", {users}, hdf5::memory_type<std::uint8_t>());
    hdf5_->create_dataset("/items", {users, topk_}, hdf5::memory_type<std::uint32_t>());
    hdf5_->create_dataset("/scores", {users, topk_}, hdf5::memory_type<float>());
    users_.reserve(users);
  }

  void write(std::span<const std::string> users, std::span<const std::uint8_t> known,
             const Ranking& ranking) override {
    const hsize_t first = users_.size();
    hdf5_->write_rows<std::uint8_t>("/known", first, users.size(), known);
    hdf5_->write_rows<std::uint32_t>("/items", first, users.size(), ranking.items);
    std::vector<float> scores = ranking.scores;
    for (std::size_t i = 0; i < scores.size(); ++i)
      if (ranking.items[i] == ops::no_item || known[i / topk_] == 0) scores[i] = NAN;
    hdf5_->write_rows<float>("/scores", first, users.size(), scores);
    users_.insert(users_.end(), users.begin(), users.end());
  }

  void publish() override {
    hdf5_->write_strings("/users", users_);
    hdf5_->close();
    file_.publish();
  }

 private:
  OutputFile file_;
  std::optional<hdf5::File> hdf5_;  // closed before the file is removed
  hsize_t topk_;
  std::vector<std::string> users_;
};

}  // namespace

std::unique_ptr<RecommendationWriter> make_recommendation_writer(OutputFormat format,
                                                                 const std::filesystem::path& output,
                                                                 const Catalogue& catalogue,
                                                                 std::uint64_t users, std::int64_t topk) {
  switch (format) {
    case OutputFormat::csv:
      return std::make_unique<CsvWriter>(output, catalogue, topk);
    case OutputFormat::jsonl:
      return std::make_unique<JsonWriter>(output, catalogue, topk);
    case OutputFormat::hdf5:
      return std::make_unique<Hdf5Writer>(output, catalogue, users, topk);
  }
  return nullptr;
}

}  // namespace neumf::serve
