// What tests of files share: every rank has opened one small data set, in a directory of rank 0's.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <optional>

#include "dataset_files.hpp"
#include "neumf/comm/communicator.hpp"
#include "neumf/data/dataset.hpp"
#include "shared_directory.hpp"
#include "test_device.hpp"

namespace neumf::test {

class OnToyData : public testing::Test {
 protected:
  OnToyData(std::uint32_t users, std::uint32_t items) {
    if (world_.is_root()) write_dataset(dir_, toy_data(users, items, 2, 2), items, 1);
    world_.barrier();
    dataset_.emplace(Dataset::open(dir_));
    range_ = dataset_->user_range(world_.rank(), world_.size());
  }

  Communicator world_ = Communicator::world();
  SharedDirectory shared_{world_};
  std::filesystem::path dir_ = shared_.path();
  TestContext<Device> context_;
  std::optional<Dataset> dataset_;
  UserRange range_;  // this rank's
};

}  // namespace neumf::test
