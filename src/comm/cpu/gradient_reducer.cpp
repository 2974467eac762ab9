#include "neumf/comm/gradient_reducer.hpp"

#include <algorithm>

namespace neumf {
namespace {

class NoReducer : public GradientReducer<Cpu> {
 public:
  void start(Context<Cpu>& /*context*/, std::span<float> /*data*/) override {}
  void finish(Context<Cpu>& /*context*/) override {}
  std::string name() const override { return "none (one rank)"; }
};

class MpiReducer : public GradientReducer<Cpu> {
 public:
  explicit MpiReducer(const Communicator& communicator) : communicator_(communicator) {}

  void start(Context<Cpu>& /*context*/, std::span<float> data) override {
    // MPI counts are ints; pieces of this size also keep the library's temporary memory small.
    constexpr std::size_t piece = std::size_t{1} << 24;
    for (std::size_t first = 0; first < data.size(); first += piece)
      communicator_.allreduce_sum(data.subspan(first, std::min(piece, data.size() - first)));
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
  if (communicator.size() == 1) return std::make_unique<NoReducer>();
  return std::make_unique<MpiReducer>(communicator);
}

}  // namespace neumf
