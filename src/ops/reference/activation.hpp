// ReLU and dropout of one unit (Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
// Overfitting", JMLR 2014), inverted, so that scoring needs no scale:
//   y = kept ? max(z, 0) / (1 - rate) : 0
// which masks are drawn is defined in random/dropout.hpp.
#pragma once

#include <algorithm>
#include <cstdint>

#include "array.hpp"
#include "neumf/random/dropout.hpp"

namespace neumf::reference {

inline double activated(const Dropout& dropout, std::uint64_t id, Index unit, double z) {
  const bool kept = !dropout.active() || dropout.keep(id, static_cast<std::uint32_t>(unit));
  return kept ? std::max(z, 0.0) * 65536.0 / (65536.0 - dropout.threshold) : 0.0;
}

// The same, and what is left of the error bounds of z: nothing where the unit is dropped.
inline void activate(const Dropout& dropout, std::uint64_t id, Index unit, double& z, double& magnitude,
                     double& rounded) {
  const double scale = activated(dropout, id, unit, 1.0);
  z = activated(dropout, id, unit, z);
  magnitude *= scale;
  rounded *= scale;
}

}  // namespace neumf::reference
