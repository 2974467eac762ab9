// Saved models and saved runs, and how they are read on any number of ranks. checkpoint/writer.hpp writes
// them.
//
// A checkpoint is a master file and one part per rank that wrote it:
//   DIR/best.h5                                  /model/<name>: every shared weight (nn/parameters.hpp);
//                                                /ids/users and /ids/items: the original ids;
//                                                /items/counts: training interactions of each item
//   DIR/best.<generation>.part-0000-of-0002.h5   /model/user_gmf and /model/user_mlp of users
//                                                [first_user, first_user + users)
//   DIR/checkpoint-000007.h5 and its parts       the same, and what training needs to go on:
//                                                /adam/first_moment/<name>, /adam/second_moment/<name>;
//                                                /history [epochs, 14], a row per EpochReport
// Master attributes: format_version, kind ("neumf-checkpoint"), generation, parts, users, items, model
// (absent: neumf), factors (0 in an mlp), layers (empty in a gmf), dataset_id, epoch, hit_rate, ndcg, topk,
// full_hit_rate, full_ndcg and full_mrr (with --eval full); where these are of validation items, evaluated_on
// ("validation") and, of the model that was kept in the end, test_hit_rate, test_ndcg, test_mrr and
// test_full_hit_rate and so on; options (as INI), created_by; of a saved run also
// update (done in the epoch after `epoch`), adam_step, skipped, loss_scale, good_steps, seconds. A part of a
// saved run has `loss`, its rank's sum over the updates of the unfinished epoch.
//
// The master is renamed into place last, so a checkpoint is either the old one or the new one, whole. Every
// data set has Fletcher32 checksums, every file is checked while it is read: a damaged checkpoint is an
// error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "neumf/checkpoint/weight_rows.hpp"
#include "neumf/core/context.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/evaluate/epoch_report.hpp"
#include "neumf/evaluate/metrics.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/ops/step_state.hpp"

namespace neumf {

// What a checkpoint says about itself.
struct CheckpointInfo {
  ModelShape shape;
  std::string dataset_id;
  int epoch = 0;                  // epochs trained
  double hit_rate = 0, ndcg = 0;  // after them
  int topk = 10;
  std::string options;  // INI
  // Over the whole catalogue at topk, where that was evaluated (--eval full).
  std::optional<Ranking> full{};
  HeldOutPart part = HeldOutPart::test;  // whose items these metrics are of
  // At topk of the test items, where `part` is the validation and the model was tested at the end.
  std::optional<Ranking> test{}, test_full{};
  // Training interactions of each item, or empty; written, but read by CheckpointReader only.
  std::vector<std::uint64_t> item_counts{};
};

// Where training stands, beside the weights and Adam's moments.
struct TrainingState {
  int epoch = 0;             // epochs done, with their evaluation
  std::uint64_t update = 0;  // updates done of the next epoch
  ops::StepState device;     // position excepted; loss: of this rank, in the unfinished epoch
  double seconds = 0;        // trained so far
  std::vector<EpochReport> history;
};

// Reads a master file's description. Throws Error if it is not a checkpoint or of another format version.
CheckpointInfo read_checkpoint_info(const std::filesystem::path& master);
CheckpointInfo read_checkpoint_info(const hdf5::File& master);

// Reads the weights: all that are of no user and no item, and the tables' rows that `rows` names. But for
// users and items the shape must be the parameters'. Adam's moments stay as they are.
template <class Device, class T>
void load_checkpoint(Context<Device>& context, const std::filesystem::path& master,
                     Parameters<Device, T>& parameters, const WeightRows& rows);

// Reads the moments that go with these weights, and where the optimizer stood (its loss and position are 0).
// Nothing, if the checkpoint holds a model only. Adam's corrections for moments that begin at zero have died
// away by then, so rows that the file has not begin with the second moment that is usual in their table: with
// zero their first steps would be several times too long (by 0.1 / sqrt(0.001) at betas 0.9 and 0.999).
template <class Device, class T>
std::optional<ops::StepState> load_optimizer(Context<Device>& context, const std::filesystem::path& master,
                                             Parameters<Device, T>& parameters, const WeightRows& rows);

// Reads a saved run: weights, Adam's moments and where training stood. On as many ranks as wrote it, each
// gets its own loss; otherwise rank 0 gets the sum.
template <class Device, class T>
TrainingState load_training_state(Context<Device>& context, const std::filesystem::path& master,
                                  Parameters<Device, T>& parameters, const WeightRows& rows, int rank,
                                  int ranks);

// The master files of saved runs in a directory, newest first.
std::vector<std::filesystem::path> saved_runs(const std::filesystem::path& directory);

}  // namespace neumf
