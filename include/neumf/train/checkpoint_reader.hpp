// Reading a checkpoint piece by piece, for those who serve a model and need only some of its users.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "neumf/data/dataset.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/train/checkpoint.hpp"

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

  // The original ids by row, as text.
  std::vector<std::string> user_ids() const;
  std::vector<std::string> item_ids() const;
  // How many training interactions each item had; empty if the checkpoint does not say.
  std::vector<std::uint64_t> item_counts() const;

  // A weight that is not a user table, whole: rows * cols values.
  std::vector<float> read(const Segment& segment) const;
  // The rows of users [range.first, range.last) in both user tables; gmf holds size * factors values and mlp
  // size * mlp_embedding.
  void read_users(const UserRange& range, std::span<float> gmf, std::span<float> mlp);

 private:
  const hdf5::File& part(int part);
  void check_finite(const std::string& object, std::span<const float> values) const;

  hdf5::File file_;
  CheckpointInfo info_;
  std::string generation_;
  std::vector<std::uint64_t> first_user_;  // of each part; [parts + 1]
  std::optional<hdf5::File> open_part_;    // the one read last
  int open_number_ = -1;
};

}  // namespace neumf
