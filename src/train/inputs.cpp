#include "inputs.hpp"

#include <fmt/ranges.h>
#include <array>
#include <map>
#include <span>
#include <string>

#include "neumf/checkpoint/weights.hpp"
#include "neumf/core/error.hpp"

namespace neumf {
namespace {

void require_catalogue(const std::filesystem::path& path, const ModelShape& saved, const Options& options,
                       const Dataset& dataset) {
  const auto users = static_cast<std::int64_t>(dataset.users()),
             items = static_cast<std::int64_t>(dataset.items());
  require(saved.users == users && saved.items == items,
          "{}: the model has {} users and {} items, but the data set {} has {} and {}: use the data set that "
          "it was trained on",
          path.string(), saved.users, saved.items, options.data.string(), users, items);
}

// The shape of the model: what the checkpoint or the pre-trained parts have, otherwise what the options say.
ModelShape shape_of(const Options& options, const Dataset& dataset, const Inputs& inputs) {
  if (inputs.checkpoint) {
    require_match(options.load_checkpoint_path, *inputs.checkpoint, options, dataset);
    return inputs.checkpoint->shape;
  }
  // The newest saved run that can be read at all.
  std::string message;
  for (const auto& run : inputs.saved_runs) {
    CheckpointInfo info;
    try {
      info = read_checkpoint_info(run);
    } catch (const Error& error) {
      if (message.empty()) message = error.what();
      continue;
    }
    require_match(run, info, options, dataset);
    return info.shape;
  }
  require(message.empty(), "{}", message);
  const auto shape =
      ModelShape::of(options.model, static_cast<std::int64_t>(dataset.users()),
                     static_cast<std::int64_t>(dataset.items()), options.factors, options.layers);
  if (options.pretrained_gmf.empty()) return shape;
  const auto joined = joined_shape(options.pretrained_gmf, options.pretrained_mlp);
  require_catalogue(options.pretrained_gmf, joined, options, dataset);
  require(!options.shape_given || joined == shape,
          "{} and {} have factors {} and layers {}, not those given: leave out --factors and --layers",
          options.pretrained_gmf.string(), options.pretrained_mlp.string(), joined.factors,
          fmt::join(joined.layers, " "));
  return joined;
}

}  // namespace

void require_match(const std::filesystem::path& master, const CheckpointInfo& info, const Options& options,
                   const Dataset& dataset) {
  const auto& saved = info.shape;
  require_catalogue(master, saved, options, dataset);
  require(!options.model_given || saved.kind() == options.model,
          "{}: the checkpoint holds a model of kind {}, not {}: leave out --model", master.string(),
          name_of(saved.kind()), name_of(options.model));
  require(
      !options.shape_given ||
          saved == ModelShape::of(saved.kind(), saved.users, saved.items, options.factors, options.layers),
      "{}: the checkpoint has factors {} and layers {}, not those given: leave out --factors and --layers",
      master.string(), saved.factors, fmt::join(saved.layers, " "));
}

Inputs read_inputs(const Options& options, const Communicator& communicator) {
  Inputs inputs;
  communicator.together([&] {
    if (!options.load_checkpoint_path.empty())
      inputs.checkpoint = read_weights_info(options.load_checkpoint_path);
    if (options.resume && options.mode == Mode::train) inputs.saved_runs = saved_runs(options.checkpoint_dir);
    inputs.dataset = Dataset::open(options.data);
    inputs.shape = shape_of(options, inputs.dataset, inputs);
    inputs.shard = inputs.dataset.load(inputs.dataset.user_range(communicator.rank(), communicator.size()));
  });
  // All ranks must go on from the same.
  std::string runs;
  for (const auto& run : inputs.saved_runs) runs += run.string() + "\n";
  const std::string first = communicator.broadcast(runs);
  communicator.together([&] {
    require(runs == first,
            "{}: rank {} sees other saved runs there than rank 0: the checkpoint directory must be on a file "
            "system that all machines share",
            options.checkpoint_dir.string(), communicator.rank());
  });
  return inputs;
}

std::vector<std::uint64_t> count_items(const Inputs& inputs, const Communicator& communicator) {
  std::vector<std::uint64_t> counts(inputs.dataset.items(), 0);
  for (const std::uint32_t item : inputs.shard.items) ++counts[item];
  communicator.allreduce_sum(std::span<std::uint64_t>(counts));
  return counts;
}

}  // namespace neumf
