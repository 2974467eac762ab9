#include "inputs.hpp"

#include <fmt/ranges.h>
#include <array>
#include <span>
#include <string>
#include <tuple>

#include "known_cases.hpp"
#include "neumf/checkpoint/weights.hpp"
#include "neumf/core/error.hpp"
#include "neumf/evaluate/ranking_cases.hpp"

namespace neumf {
namespace {

// Fails unless the checkpoint fits the options that were given.
void require_options(const std::filesystem::path& master, const ModelShape& saved, const Options& options) {
  require(!options.model_given || saved.kind() == options.model,
          "{}: the checkpoint holds a model of kind {}, not {}: leave out --model", master.string(),
          name_of(saved.kind()), name_of(options.model));
  require(
      !options.shape_given ||
          saved == ModelShape::of(saved.kind(), saved.users, saved.items, options.factors, options.layers),
      "{}: the checkpoint has factors {} and layers {}, not those given: leave out --factors and --layers",
      master.string(), saved.factors, fmt::join(saved.layers, " "));
}

// A model of this kind and size for the data set's users and items.
ModelShape for_dataset(ModelShape shape, const Dataset& dataset) {
  shape.users = static_cast<std::int64_t>(dataset.users());
  shape.items = static_cast<std::int64_t>(dataset.items());
  return shape;
}

// The shape of the model: what the checkpoint or the pre-trained parts have, otherwise what the options say.
ModelShape shape_of(const Options& options, const Dataset& dataset, const Inputs& inputs) {
  if (inputs.checkpoint) {
    require_options(options.load_checkpoint_path, inputs.checkpoint->shape, options);
    return options.mode == Mode::test ? inputs.checkpoint->shape
                                      : for_dataset(inputs.checkpoint->shape, dataset);
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
    require_same_catalogue(run, info, options, dataset);
    return info.shape;
  }
  require(message.empty(), "{}", message);
  const auto shape =
      ModelShape::of(options.model, static_cast<std::int64_t>(dataset.users()),
                     static_cast<std::int64_t>(dataset.items()), options.factors, options.layers);
  if (options.pretrained_gmf.empty()) return shape;
  const auto joined = for_dataset(joined_shape(options.pretrained_gmf, options.pretrained_mlp), dataset);
  require(!options.shape_given || joined == shape,
          "{} and {} have factors {} and layers {}, not those given: leave out --factors and --layers",
          options.pretrained_gmf.string(), options.pretrained_mlp.string(), joined.factors,
          fmt::join(joined.layers, " "));
  return joined;
}

// The rows of `weights` to start from.
WeightRows start_rows(const std::filesystem::path& weights, const Options& options, Inputs& inputs) {
  const WeightMatch match = match_weights(weights, inputs.dataset);
  const bool all_there = match.users.found() == match.users_there && match.items.found() == match.items_there;
  if (match.by_position || !match.complete() || !all_there)
    inputs.notes.push_back(fmt::format("{}: {}: {}{}", match.complete() ? "note" : "warning",
                                       weights.string(), match.description(),
                                       match.complete() ? "" : "; the others start as in a new run"));
  return match.rows(replicates_users(options) ? UserRange{0, inputs.dataset.users()} : inputs.shard.users);
}

// Makes the shard that of the model's terms.
UnknownCases test_on_known(const Options& options, Inputs& inputs) {
  UnknownCases unknown;
  const WeightMatch match = match_weights(options.load_checkpoint_path, inputs.dataset);
  auto users = keep_known(inputs.shard, match, unknown);
  inputs.rows = WeightRows::in_order({0, 0}, match.items_there);
  inputs.rows.users = std::move(users.rows);
  inputs.known_users = std::move(users.dense);
  if (match.by_position || !match.complete())
    inputs.notes.push_back(fmt::format("{}: {}: {}", match.complete() ? "note" : "warning",
                                       options.load_checkpoint_path.string(), match.description()));
  return unknown;
}

// Finds the rows of what the model starts from, or is tested with. Collective.
void match_start(const Options& options, const Communicator& communicator, Inputs& inputs) {
  UnknownCases unknown;
  communicator.together([&] {
    if (inputs.checkpoint && options.mode == Mode::test)
      unknown = test_on_known(options, inputs);
    else if (inputs.checkpoint)
      inputs.rows = start_rows(options.load_checkpoint_path, options, inputs);
    else if (!options.pretrained_gmf.empty()) {
      inputs.gmf_rows = start_rows(options.pretrained_gmf, options, inputs);
      inputs.mlp_rows = start_rows(options.pretrained_mlp, options, inputs);
    }
  });
  if (options.mode != Mode::test) return;
  std::array counts{unknown.users, unknown.held_out, unknown.negatives,
                    std::uint64_t{RankingCases(inputs.shard, HeldOutPart::test).size()}};
  communicator.allreduce_sum(std::span<std::uint64_t>(counts));
  const auto [users, held_out, negatives, left] = counts;
  communicator.together([&] {
    require(left > 0,
            "{}: knows none of the users of {}, or none of their held-out items: test it on data of "
            "its own users and items",
            options.load_checkpoint_path.string(), options.data.string());
  });
  if (users + held_out + negatives > 0)
    inputs.notes.push_back(fmt::format(
        "warning: tested on {} of {} users: the model does not know {} of them, nor a held-out item of {} "
        "others; {} sampled negatives that it does not know are ignored",
        left, inputs.dataset.users(), users, held_out, negatives));
}

// Exact negatives need an item that the user does not have.
void require_negatives(const Options& options, const Inputs& inputs) {
  if (!options.exact_negatives || options.mode != Mode::train) return;
  const auto& [users, offsets] = std::tie(inputs.shard.users, inputs.shard.offsets);
  for (std::uint64_t user = 0; user < users.size(); ++user)
    if (offsets[user + 1] - offsets[user] >= inputs.dataset.items())
      fail(
          "{}: user '{}' has all {} items in training, so --exact_negatives leaves nothing to draw: leave "
          "the "
          "option out, or the user",
          options.data.string(), inputs.dataset.user_ids().at(users.first + user), inputs.dataset.items());
}

}  // namespace

bool replicates_users(const Options& options) {
  return options.mode == Mode::train && options.user_embeddings == UserEmbeddings::replicated;
}

void require_same_catalogue(const std::filesystem::path& master, const CheckpointInfo& info,
                            const Options& options, const Dataset& dataset) {
  const auto& saved = info.shape;
  require(for_dataset(saved, dataset) == saved,
          "{}: the model has {} users and {} items, but the data set {} has {} and {}: use the data set that "
          "it was trained on, or start from the model with --load_checkpoint_path instead of --resume",
          master.string(), saved.users, saved.items, options.data.string(), dataset.users(), dataset.items());
  require_options(master, saved, options);
}

Inputs read_inputs(const Options& options, const Communicator& communicator) {
  Inputs inputs;
  inputs.training = options.mode == Mode::train;
  communicator.together([&] {
    if (!options.load_checkpoint_path.empty())
      inputs.checkpoint = read_weights_info(options.load_checkpoint_path);
    if (options.resume && options.mode == Mode::train) inputs.saved_runs = saved_runs(options.checkpoint_dir);
    inputs.dataset = Dataset::open(options.data);
    inputs.shape = shape_of(options, inputs.dataset, inputs);
    inputs.shard = inputs.dataset.load(inputs.dataset.user_range(communicator.rank(), communicator.size()));
    require_negatives(options, inputs);
  });
  match_start(options, communicator, inputs);
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

}  // namespace neumf
