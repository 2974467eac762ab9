// A model that all ranks have saved, with the data set that it belongs to.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "dataset_files.hpp"
#include "neumf/checkpoint/reader.hpp"
#include "neumf/checkpoint/writer.hpp"
#include "neumf/data/id_index.hpp"
#include "shared_directory.hpp"
#include "test_device.hpp"

namespace neumf::test {

class SavedModel {
 public:
  // In rank 0's directory.
  explicit SavedModel(const ModelShape& shape, const std::string& options = "")
      : data_(toy_data(static_cast<std::uint32_t>(shape.users), static_cast<std::uint32_t>(shape.items), 20,
                       3)) {
    if (world_.is_root()) write_dataset(directory_, data_, static_cast<std::uint32_t>(shape.items), 2);
    world_.barrier();
    const Dataset dataset = Dataset::open(directory_);
    const UserRange range = dataset.user_range(world_.rank(), world_.size());
    Parameters<Device, float> parameters(context_, shape, static_cast<std::int64_t>(range.size()));
    parameters.initialise(context_, 3, range.first);
    // Embeddings as large as those of a trained model.
    const auto& layout = parameters.layout();
    for (const Segment* table : {&layout.user_gmf, &layout.user_mlp, &layout.item_gmf, &layout.item_mlp}) {
      edit(context_, parameters.weight(*table), [](auto& weights) {
        for (float& weight : weights) weight *= 100;
      });
    }
    CheckpointInfo info{shape, dataset.id(), 1, 0.5, 0.25, 10, options};
    for (std::uint32_t item = 0; item < static_cast<std::uint32_t>(shape.items); ++item)
      info.item_counts.push_back(item % 7);
    const CheckpointDirectory saved(world_, directory_ / "run");
    CheckpointWriter<Device, float> writer(context_, world_, saved, dataset, parameters, range, 0, 1);
    writer.save_best(info);
    writer.finish();
    world_.barrier();
    checkpoint_ = std::make_unique<CheckpointReader>(directory_ / "run/best.h5");
    known_ = std::make_unique<IdIndex>(checkpoint_->user_ids());
    catalogue_ = std::make_unique<IdIndex>(checkpoint_->item_ids());
  }

 protected:
  Communicator world_ = Communicator::world();
  SharedDirectory shared_{world_};
  std::filesystem::path directory_ = shared_.path();
  Shard data_;
  TestContext<Device> context_;
  std::unique_ptr<CheckpointReader> checkpoint_;
  std::unique_ptr<IdIndex> known_, catalogue_;
};

}  // namespace neumf::test
