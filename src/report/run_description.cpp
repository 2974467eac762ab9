#include "neumf/report/run_description.hpp"

#include <fmt/ranges.h>

#include <span>
#include <type_traits>

#include "neumf/core/processor.hpp"
#include "neumf/core/types.hpp"
#include "neumf/core/with_commas.hpp"
#include "neumf/nn/instantiate.hpp"

namespace neumf {
namespace {

std::string describe(const Dataset& data) {
  std::string text =
      fmt::format("{} ({}): {} users, {} items, {} training positives, {} shard{}", data.directory().string(),
                  data.source(), with_commas(data.users()), with_commas(data.items()),
                  with_commas(data.positives()), data.shards(), data.shards() == 1 ? "" : "s");
  if (data.test_held_out() != data.users() || data.has_validation())
    text += fmt::format("; {} test items", with_commas(data.test_held_out()));
  if (data.has_validation()) text += fmt::format(", {} validation items", with_commas(data.valid_held_out()));
  return text;
}

// "NeuMF, factors 64, layers 256 256 128 64: 31,832,577 parameters"
std::string describe(const ModelShape& shape) {
  const char* names[] = {"NeuMF", "GMF", "MLP"};
  std::string text = names[static_cast<int>(shape.kind())];
  if (shape.has_gmf()) text += fmt::format(", factors {}", shape.factors);
  if (shape.has_mlp()) text += fmt::format(", layers {}", fmt::join(shape.layers, " "));
  return text + fmt::format(": {} parameters", with_commas(static_cast<std::uint64_t>(shape.parameters())));
}

std::string describe(const CheckpointInfo& checkpoint) {
  if (checkpoint.dataset_id.empty()) return "Keras weights";
  const bool validation = checkpoint.part == HeldOutPart::validation;
  std::string text = fmt::format("epoch {}, {}HR@{} {:.4f} ", checkpoint.epoch,
                                 validation ? "validation " : "", checkpoint.topk, checkpoint.hit_rate);
  if (checkpoint.test)
    text += fmt::format("and test HR@{} {:.4f} ", checkpoint.topk, checkpoint.test->at.front().hit_rate);
  return text + "when saved";
}

std::string describe_sampling(const Options& o) {
  if (o.loss == Loss::full_softmax) return "a sample is a user, with all items to compare; loss full_softmax";
  std::string text =
      fmt::format("{} sampling, {} negatives per positive", name_of(o.sampling), o.negative_samples);
  if (o.negatives != Negatives::uniform) text += fmt::format(" by {}", name_of(o.negatives));
  if (o.loss != Loss::bce) text += fmt::format("; loss {}", name_of(o.loss));
  return text;
}

std::string describe_batch(const Options& o, const std::string& gradients, std::uint64_t updates_per_epoch) {
  if (o.loss == Loss::ials)
    return fmt::format(
        "all users, then all items by least squares; loss ials, unobserved weight {}, L2 {} to power {}; "
        "items' sums through {}",
        o.unobserved_weight, o.embedding_l2, o.l2_power, gradients);
  return fmt::format("{} samples in {} micro-batch{}, {} updates per epoch; {}; gradients through {}",
                     with_commas(static_cast<std::uint64_t>(o.batch_size)), o.grads_accumulated,
                     o.grads_accumulated == 1 ? "" : "es", with_commas(updates_per_epoch),
                     describe_sampling(o), gradients);
}

std::string mebibytes(std::uint64_t bytes) {
  return fmt::format("{:.0f} MiB", static_cast<double>(bytes) / 1048576.0);
}

}  // namespace

template <class Device, class T>
RunFacts run_facts(const Context<Device>& context, const Communicator& communicator, const Options& options,
                   const Dataset& data, const ModelShape& shape, const Parameters<Device, T>& parameters,
                   const std::string& gradients) {
  RunFacts facts;
  facts.ranks = communicator.size();
  facts.nodes = communicator.sum<std::int32_t>(communicator.node_rank() == 0);
  facts.threads = context.threads();
  facts.device = std::is_same_v<Device, Cpu> ? "cpu" : context.description();
  facts.precision = TypeName<T>::value;
  facts.user_embeddings = name_of(options.user_embeddings);
  facts.item_embeddings =
      name_of(parameters.item_share() ? ItemEmbeddings::sharded : ItemEmbeddings::replicated);
  facts.gradients = gradients;
  facts.processor = processor_name();
  facts.kernels = kernels_name();
  facts.batch_size = options.batch_size;
  facts.users = data.users();
  facts.items = data.items();
  facts.positives = data.positives();
  facts.factors = shape.factors;
  facts.layers = shape.layers;
  facts.shared_parameters = parameters.layout().shared;
  std::int64_t own = parameters.layout().moved;
  if (const auto& share = parameters.item_share())
    for (const Segment* segment : parameters.layout().item_segments()) own += share->size() * segment->cols;
  facts.rank_parameters = communicator.max(own);
  return facts;
}

std::vector<std::pair<std::string, std::string>> start_rows(const Options& options, const Dataset& dataset,
                                                            const ModelShape& shape,
                                                            const std::optional<CheckpointInfo>& checkpoint,
                                                            const RunFacts& facts, const RunStart& start) {
  std::vector<std::pair<std::string, std::string>> rows{
      {"data set", describe(dataset)},
      {"model", describe(shape)},
      {"ranks", fmt::format("{} on {}, {}; user embeddings {}, item embeddings {}", facts.ranks, start.device,
                            facts.precision, facts.user_embeddings, facts.item_embeddings)}};
  if (facts.device == "cpu")
    rows.emplace_back("processor", fmt::format("{}; kernels for {}", facts.processor, facts.kernels));
  if (!start.resumed_from.empty()) {
    rows.emplace_back("resumed", fmt::format("{}: {} epochs and {} updates done", start.resumed_from.string(),
                                             start.epochs_done, start.updates_done));
  }
  if (options.mode == Mode::train) {
    rows.emplace_back("batch", describe_batch(options, facts.gradients, start.updates_per_epoch));
    if (!options.pretrained_gmf.empty())
      rows.emplace_back("pretrained", fmt::format("GMF {}, MLP {}, alpha {}", options.pretrained_gmf.string(),
                                                  options.pretrained_mlp.string(), options.pretrain_alpha));
  } else {
    rows.emplace_back("checkpoint",
                      fmt::format("{}: {}", options.load_checkpoint_path.string(), describe(*checkpoint)));
  }
  rows.emplace_back("memory", fmt::format("{} per rank", mebibytes(start.bytes)));
  return rows;
}

std::vector<std::string> checkpoint_notes(const Options& options, const Dataset& dataset,
                                          const CheckpointInfo& checkpoint, bool resumed) {
  std::vector<std::string> notes;
  if (resumed) notes = changed_options(checkpoint.options, options);
  const auto& trained_on = checkpoint.dataset_id;  // empty: Keras weights
  if (!trained_on.empty() && trained_on != dataset.id()) {
    notes.emplace_back(
        "note: the checkpoint was trained on another preprocessing of this data set, so the held-out "
        "items or the negatives may differ");
  }
  return notes;
}

std::string skipped_note(std::int64_t skipped, float loss_scale) {
  return fmt::format("       {} update{} skipped because a gradient overflowed; the loss scale is now {}",
                     skipped, skipped == 1 ? "" : "s", loss_scale);
}

PhaseSummary over_ranks(const PhaseTimes& times, const Communicator& communicator) {
  PhaseSummary phases{times, times, times};
  communicator.allreduce_min(std::span<double>(phases.least));
  communicator.allreduce_max(std::span<double>(phases.most));
  communicator.allreduce_sum(std::span<double>(phases.mean));
  for (double& seconds : phases.mean) seconds /= communicator.size();
  return phases;
}

#define NEUMF_INSTANTIATE(DEVICE, T)                                                                       \
  template RunFacts run_facts(const Context<DEVICE>&, const Communicator&, const Options&, const Dataset&, \
                              const ModelShape&, const Parameters<DEVICE, T>&, const std::string&);
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
