// Decides, in this one place, on which device and in which precision a run computes.
#include "neumf/train/run.hpp"

#include "neumf/core/error.hpp"
#include "neumf/core/types.hpp"
#include "neumf/train/placement.hpp"
#include "neumf/train/session.hpp"

#ifdef NEUMF_WITH_CUDA
#include "neumf/comm/cuda_device.hpp"
#endif

namespace neumf {
namespace {

template <class Device>
int run_in(Precision precision, Context<Device>& context, const Options& options,
           const Communicator& communicator) {
  switch (precision) {
    case Precision::bf16:
      return run_session<Device, bfloat16>(context, options, communicator);
    case Precision::fp16:
      return run_session<Device, float16>(context, options, communicator);
    case Precision::fp32:
    case Precision::tf32:
      break;
  }
  return run_session<Device, float>(context, options, communicator);
}

int run_on_cpu(const Options& options, const Communicator& communicator) {
  const Precision precision =
      options.amp && options.precision == Precision::fp32 ? Precision::bf16 : options.precision;
  communicator.together([&] {
    require(precision != Precision::tf32, "--precision tf32: a format of GPUs; on a CPU use fp32 or bf16");
    require(options.allreduce_dtype == Precision::fp32,
            "--allreduce_dtype {}: only GPUs reduce in half precision; on a CPU use fp32",
            name_of(options.allreduce_dtype));
  });
  Context<Cpu> context(options.threads > 0 ? options.threads : threads_for_rank(communicator));
  return run_in(precision, context, options, communicator);
}

#ifdef NEUMF_WITH_CUDA

// Whether every rank sees a GPU: ranks must not train on different devices.
bool all_ranks_see_gpus(const Communicator& communicator) {
  return communicator.sum<std::int32_t>(Context<Cuda>::device_count() > 0) == communicator.size();
}

int run_on_cuda(const Options& options, const Communicator& communicator) {
  const Precision precision =
      options.amp && options.precision == Precision::fp32 ? Precision::fp16 : options.precision;
  communicator.together([&] {
    require(options.allreduce_dtype != Precision::fp16 || precision == Precision::fp16,
            "--allreduce_dtype fp16: needs the loss scaling of --precision fp16; with {} use bf16 or fp32",
            name_of(precision));
  });
  CudaSettings settings;
  // Beside half precision, the few products in fp32 may be as coarse.
  settings.allow_tf32 = precision != Precision::fp32;
  settings.tune_products = !options.deterministic;
  switch (options.allreduce_dtype) {
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
  return run_in(precision, *context, options, communicator);
}

#endif

}  // namespace

int run(const Options& options, const Communicator& communicator) {
#ifdef NEUMF_WITH_CUDA
  if (options.device == DeviceChoice::cuda ||
      (options.device == DeviceChoice::automatic && all_ranks_see_gpus(communicator)))
    return run_on_cuda(options, communicator);
#else
  communicator.together([&] {
    require(options.device != DeviceChoice::cuda,
            "--device cuda: this build has no GPU support; build with -DNEUMF_CUDA=ON, or use --device cpu");
  });
#endif
  return run_on_cpu(options, communicator);
}

}  // namespace neumf
