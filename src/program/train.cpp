// neumf train and neumf test; also the reference's form without a command's name.
#include "common_options.hpp"
#include "neumf/config/options.hpp"
#include "neumf/core/error.hpp"
#include "neumf/train/session.hpp"
#include "on_device.hpp"

namespace neumf::program {
namespace {

Options parse(const Arguments& arguments) {
  std::vector<const char*> argv{"neumf"};
  for (const auto& argument : arguments) argv.push_back(argument.c_str());
  return parse_command_line(static_cast<int>(argv.size()), argv.data()).options;
}

int run(const Options& options, const Communicator& communicator) {
  return on_device(machine_choice(options), communicator,
                   [&]<class Device, class T>(Context<Device>& context) {
                     return run_session<Device, T>(context, options, communicator);
                   });
}

int train(const Arguments& arguments, const Communicator& communicator) {
  Options options;
  communicator.together([&] { options = parse(arguments); });
  return run(options, communicator);
}

int test(const Arguments& arguments, const Communicator& communicator) {
  Arguments with_mode{"--mode", "test"};
  with_mode.insert(with_mode.end(), arguments.begin(), arguments.end());
  Options options;
  communicator.together([&] {
    options = parse(with_mode);
    require(options.mode == Mode::test, "neumf test --mode train: use neumf train");
  });
  return run(options, communicator);
}

}  // namespace

extern const Command train_command{
    "train",
    "train NeuMF on a preprocessed data set",
    "--data DIR [options]",
    "Trains on the data set that neumf-preprocess wrote to DIR, evaluates after every epoch, and keeps the "
    "best "
    "model in --checkpoint_dir. The word 'train' may be left out, as in the reference implementation; with "
    "--mode test the command is 'test'.",
    option_texts<Options>,
    train};

extern const Command test_command{"test",
                                  "evaluate a checkpoint: HR@K and NDCG@K",
                                  "--data DIR --load_checkpoint_path FILE [options]",
                                  "Ranks the test items of every user of the data set among their stored "
                                  "negatives. Options of training have "
                                  "no effect.",
                                  option_texts<Options>,
                                  test};

}  // namespace neumf::program
