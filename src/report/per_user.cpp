#include "neumf/report/per_user.hpp"

#include <fmt/format.h>

#include <fstream>
#include <utility>

#include "neumf/core/csv.hpp"
#include "neumf/core/error.hpp"
#include "neumf/data/durable_file.hpp"
#include "neumf/data/hdf5.hpp"

namespace neumf {
namespace {

std::vector<std::uint32_t> received(const Communicator& communicator, std::uint64_t count, int from) {
  std::vector<std::uint32_t> values(count);
  communicator.receive(std::as_writable_bytes(std::span(values)), from);
  return values;
}

std::vector<std::uint32_t> lengths_of(const UserRanks& users) {
  std::vector<std::uint32_t> lengths;
  for (std::size_t user = 0; user < users.users(); ++user)
    lengths.push_back(static_cast<std::uint32_t>(users.of(user).size()));
  return lengths;
}

// All ranks' users on rank 0.
struct Gathered {
  std::vector<std::uint32_t> users;
  UserRanks sampled, full;
};

Gathered gather(const Communicator& communicator, const PerUserRanks& own) {
  const auto users = communicator.allgather(std::uint64_t{own.users.size()});
  const auto items = communicator.allgather(std::uint64_t{own.sampled->ranks.size()});
  const auto send = [&](const std::vector<std::uint32_t>& values) {
    communicator.send(std::as_bytes(std::span(values)), 0);
  };
  Gathered all;
  if (!communicator.is_root()) {
    send(own.users);
    send(lengths_of(*own.sampled));
    send(own.sampled->ranks);
    if (own.full != nullptr) send(own.full->ranks);
    return all;
  }
  all.users = own.users;
  all.sampled = *own.sampled;
  if (own.full != nullptr) all.full = *own.full;
  for (int rank = 1; rank < communicator.size(); ++rank) {
    const auto count = users[static_cast<std::size_t>(rank)],
               held_out = items[static_cast<std::size_t>(rank)];
    const auto append = [](std::vector<std::uint32_t>& to, const std::vector<std::uint32_t>& more) {
      to.insert(to.end(), more.begin(), more.end());
    };
    append(all.users, received(communicator, count, rank));
    for (const std::uint32_t length : received(communicator, count, rank))
      all.sampled.offsets.push_back(all.sampled.offsets.back() + length);
    append(all.sampled.ranks, received(communicator, held_out, rank));
    if (own.full != nullptr) append(all.full.ranks, received(communicator, held_out, rank));
  }
  if (own.full != nullptr) all.full.offsets = all.sampled.offsets;
  return all;
}

// A column of the file.
struct Column {
  explicit Column(std::string column) : name(std::move(column)) {}

  std::string name;
  std::vector<double> values;  // by user
};

std::vector<Column> columns_of(const std::string& prefix, const UserRanks& users,
                               const std::vector<int>& topk) {
  std::vector<Column> columns;
  for (const int k : topk) {
    std::vector<AtK> at;
    for (std::size_t user = 0; user < users.users(); ++user) at.push_back(metrics_at(k, users.of(user)));
    for (const AtKMetric& metric : at_k_metrics) {
      Column& column = columns.emplace_back(fmt::format("{}{}@{}", prefix, metric.name, k));
      for (const AtK& own : at) column.values.push_back(own.*metric.value);
    }
  }
  Column& mrr = columns.emplace_back(prefix + "mrr");
  for (std::size_t user = 0; user < users.users(); ++user)
    mrr.values.push_back(reciprocal_rank(users.of(user)));
  return columns;
}

// From 1, each among all items that compete: the user's other held-out items included.
std::vector<std::uint32_t> places_of(const UserRanks& users) {
  std::vector<std::uint32_t> places;
  for (std::size_t user = 0; user < users.users(); ++user) {
    std::uint32_t before = 0;
    for (const std::uint32_t rank : users.of(user)) places.push_back(rank + ++before);
  }
  return places;
}

// A list of places, and the metrics that follow from it.
struct Table {
  std::string prefix;
  const UserRanks* users;
  std::vector<std::uint32_t> places;
  std::vector<Column> columns;
};

void write_csv(const std::filesystem::path& path, const std::vector<std::string>& ids,
               const std::vector<Table>& tables) {
  std::ofstream file(path);
  std::string line = "user_id";
  for (const Table& table : tables) {
    line += "," + table.prefix + "ranks";
    for (const Column& column : table.columns) line += "," + column.name;
  }
  file << line << '\n';
  for (std::size_t user = 0; user < ids.size(); ++user) {
    line = csv_field(ids[user]);
    for (const Table& table : tables) {
      const auto begin = table.users->offsets[user], end = table.users->offsets[user + 1];
      for (auto i = begin; i < end; ++i) line += fmt::format("{}{}", i == begin ? ',' : ' ', table.places[i]);
      for (const Column& column : table.columns) line += fmt::format(",{}", column.values[user]);
    }
    file << line << '\n';
  }
  file.close();
  require(file.good(), "--per_user {}: cannot write; is the disk full?", path.string());
}

void write_hdf5(const std::filesystem::path& path, const std::vector<std::string>& ids,
                const std::vector<Table>& tables) {
  auto file = hdf5::File::create(path);
  file.set_attribute("kind", std::string("neumf-per-user"));
  file.write_strings("/users", ids);
  for (const Table& table : tables) {
    file.write("/" + table.prefix + "ranks/offsets", table.users->offsets);
    file.write("/" + table.prefix + "ranks/ranks", table.places);
    for (const Column& column : table.columns) file.write("/metrics/" + column.name, column.values);
  }
  file.close();
}

}  // namespace

void write_per_user(const std::filesystem::path& path, const Communicator& communicator,
                    const PerUserRanks& own, const std::vector<int>& topk,
                    const std::vector<std::string>& user_ids) {
  const Gathered all = gather(communicator, own);
  communicator.together([&] {
    if (!communicator.is_root()) return;
    std::vector<std::string> ids;
    for (const std::uint32_t user : all.users) ids.push_back(user_ids.at(user));
    std::vector<Table> tables{{"", &all.sampled, places_of(all.sampled), columns_of("", all.sampled, topk)}};
    if (own.full != nullptr)
      tables.push_back({"full_", &all.full, places_of(all.full), columns_of("full_", all.full, topk)});
    auto temporary = path;
    temporary += ".tmp";
    (path.extension() == ".h5" ? write_hdf5 : write_csv)(temporary, ids, tables);
    publish(temporary, path);
  });
}

}  // namespace neumf
