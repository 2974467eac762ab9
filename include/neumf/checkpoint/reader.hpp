// Reading a checkpoint piece by piece: the one place that knows how its files hang together.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "neumf/checkpoint/checkpoint.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/data/id_index.hpp"
#include "neumf/nn/parameters.hpp"

namespace neumf {

class CheckpointReader {
 public:
  // Opens the master file. Throws Error, here and below, naming what is missing or damaged.
  explicit CheckpointReader(const std::filesystem::path& master);

  const std::filesystem::path& path() const { return file_.path(); }
  const CheckpointInfo& info() const { return info_; }
  const ModelShape& shape() const { return info_.shape; }
  int parts() const { return static_cast<int>(first_user_.size()) - 1; }
  std::filesystem::path part_path(int part) const;

  // The original ids by row, as UTF-8.
  std::vector<std::string> user_ids() const;
  std::vector<std::string> item_ids() const;
  // How many training interactions each item had; empty if the checkpoint does not say.
  std::vector<std::uint64_t> item_counts() const;

  const hdf5::File& master() const { return file_; }
  // The part's file, open until another one is asked for.
  const hdf5::File& part(int part);
  // The users whose rows a part holds; parts follow each other without gaps.
  UserRange part_users(int part) const {
    return {first_user_[static_cast<std::size_t>(part)], first_user_[static_cast<std::size_t>(part) + 1]};
  }

  // A matrix that is not a user table, whole: rows * cols values. `group`: as in checkpoint.hpp; "/model/"
  // where it is left out.
  std::vector<float> read(const Segment& segment) const;
  std::vector<float> read(const Segment& segment, const std::string& group) const;
  // Rows of a user table from one part, which has all of `users`: size * cols values.
  void read_rows(int part, const Segment& segment, const std::string& group, const UserRange& users,
                 std::span<float> rows);
  // Calls work(part, users) for each part that has some of `users`, with those.
  template <class Work>
  void for_parts(const UserRange& users, const Work& work) const {
    for (int i = 0; i < parts(); ++i) {
      const UserRange own = part_users(i);
      const UserRange common{std::max(own.first, users.first), std::min(own.last, users.last)};
      if (common.first < common.last) work(i, common);
    }
  }
  // Row i of `rows` becomes the table's row of user users[i], in any order; where that is no_row it stays.
  void read_rows(const Segment& segment, const std::string& group, std::span<const std::uint32_t> users,
                 std::span<float> rows);
  // The same of an item table.
  void read_item_rows(const Segment& segment, const std::string& group, std::span<const std::uint32_t> items,
                      std::span<float> rows) const;
  // The same of the model's two user tables; gmf holds size * factors values and mlp size * mlp_embedding.
  void read_users(std::span<const std::uint32_t> users, std::span<float> gmf, std::span<float> mlp);

 private:
  hdf5::File file_;
  CheckpointInfo info_;
  std::string generation_;
  std::vector<std::uint64_t> first_user_;  // of each part; [parts + 1]
  std::optional<hdf5::File> open_part_;    // the one read last
  int open_number_ = -1;
};

}  // namespace neumf
