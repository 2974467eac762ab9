// Decides, in this one place, on which device and in which precision a run computes.
#pragma once

#include <memory>

#include "neumf/comm/communicator.hpp"
#include "neumf/comm/placement.hpp"
#include "neumf/config/options.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/types.hpp"

#ifdef NEUMF_WITH_CUDA
#include "neumf/comm/cuda_device.hpp"
#endif

namespace neumf {

// What a run asks of the machine, in the words of Options.
struct MachineChoice {
  DeviceChoice device = DeviceChoice::automatic;
  Precision precision = Precision::fp32;
  bool amp = false;
  Precision allreduce_dtype = Precision::fp32;
  bool deterministic = false;
  int threads = 0;
};

inline MachineChoice machine_choice(const Options& o) {
  return {o.device, o.precision, o.amp, o.allreduce_dtype, o.deterministic, o.threads};
}

namespace detail {

template <class Device, class Work>
auto in_precision(Precision precision, Context<Device>& context, const Work& work) {
  switch (precision) {
    case Precision::bf16:
      return work.template operator()<Device, bfloat16>(context);
    case Precision::fp16:
      return work.template operator()<Device, float16>(context);
    case Precision::fp32:
    case Precision::tf32:
      break;
  }
  return work.template operator()<Device, float>(context);
}

template <class Work>
auto on_cpu(const MachineChoice& choice, const Communicator& communicator, const Work& work) {
  const Precision precision =
      choice.amp && choice.precision == Precision::fp32 ? Precision::bf16 : choice.precision;
  communicator.together([&] {
    require(precision != Precision::tf32, "--precision tf32: a format of GPUs; on a CPU use fp32 or bf16");
    require(choice.allreduce_dtype == Precision::fp32,
            "--allreduce_dtype {}: only GPUs reduce in half precision; on a CPU use fp32",
            name_of(choice.allreduce_dtype));
  });
  Context<Cpu> context(choice.threads > 0 ? choice.threads : threads_for_rank(communicator));
  if (const auto note = placement_note(communicator); communicator.is_root() && !note.empty())
    fmt::print(stderr, "note: {}\n", note);
  return in_precision(precision, context, work);
}

#ifdef NEUMF_WITH_CUDA

// Whether every rank sees a GPU: ranks must not compute on different devices.
inline bool all_ranks_see_gpus(const Communicator& communicator) {
  return communicator.sum<std::int32_t>(Context<Cuda>::device_count() > 0) == communicator.size();
}

template <class Work>
auto on_cuda(const MachineChoice& choice, const Communicator& communicator, const Work& work) {
  const Precision precision =
      choice.amp && choice.precision == Precision::fp32 ? Precision::fp16 : choice.precision;
  communicator.together([&] {
    require(choice.allreduce_dtype != Precision::fp16 || precision == Precision::fp16,
            "--allreduce_dtype fp16: needs the loss scaling of --precision fp16; with {} use bf16 or fp32",
            name_of(precision));
  });
  CudaSettings settings;
  // Beside half precision, the few products in fp32 may be as coarse.
  settings.allow_tf32 = precision != Precision::fp32;
  settings.tune_products = !choice.deterministic;
  settings.reproducible_exchange = choice.deterministic;
  switch (choice.allreduce_dtype) {
    case Precision::fp16:
      settings.allreduce = AllreduceType::fp16;
      break;
    case Precision::bf16:
      settings.allreduce = AllreduceType::bf16;
      break;
    default:
      settings.allreduce = AllreduceType::fp32;
  }
  std::unique_ptr<Context<Cuda>> context;
  communicator.together(
      [&] { context = std::make_unique<Context<Cuda>>(cuda_device_for(communicator), settings); });
  return in_precision(precision, *context, work);
}

#endif

}  // namespace detail

// Calls work.operator()<Device, T>(context) with the device and the type of products that the choice means on
// this machine, and returns what that returns. Collective. Throws CollectiveError if the choice cannot be
// had.
template <class Work>
auto on_device(const MachineChoice& choice, const Communicator& communicator, const Work& work) {
#ifdef NEUMF_WITH_CUDA
  if (choice.device == DeviceChoice::cuda ||
      (choice.device == DeviceChoice::automatic && detail::all_ranks_see_gpus(communicator)))
    return detail::on_cuda(choice, communicator, work);
#else
  communicator.together([&] {
    require(choice.device != DeviceChoice::cuda,
            "--device cuda: this build has no GPU support; build with -DNEUMF_CUDA=ON, or use --device cpu");
  });
#endif
  return detail::on_cpu(choice, communicator, work);
}

}  // namespace neumf
