// What one rank needs: nothing is exchanged.
#pragma once

#include <span>
#include <string>

#include "neumf/comm/gradient_reducer.hpp"

namespace neumf {

template <class Device>
class NoReducer : public GradientReducer<Device> {
 public:
  void start(Context<Device>& /*context*/, std::span<float> /*data*/) override {}
  void finish(Context<Device>& /*context*/) override {}
  std::string name() const override { return "none (one rank)"; }
};

}  // namespace neumf
