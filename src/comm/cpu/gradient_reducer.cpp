#include "neumf/comm/gradient_reducer.hpp"

#include "../no_reducer.hpp"

namespace neumf {
namespace {

class MpiReducer : public GradientReducer<Cpu> {
 public:
  explicit MpiReducer(const Communicator& communicator) : communicator_(communicator) {}

  void start(Context<Cpu>& /*context*/, std::span<float> data) override {
    communicator_.allreduce_sum(data);
    bytes_ += data.size_bytes();
  }
  void finish(Context<Cpu>& /*context*/) override {}
  std::string name() const override { return "MPI"; }

 private:
  const Communicator& communicator_;
};

}  // namespace

template <>
std::unique_ptr<GradientReducer<Cpu>> make_gradient_reducer<Cpu>(Context<Cpu>& /*context*/,
                                                                 const Communicator& communicator) {
  if (communicator.size() == 1) return std::make_unique<NoReducer<Cpu>>();
  return std::make_unique<MpiReducer>(communicator);
}

}  // namespace neumf
