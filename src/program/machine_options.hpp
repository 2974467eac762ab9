// Options that every computing command beside training has: where and how to compute.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <string>

#include "on_device.hpp"

namespace neumf::program {

struct MachineOptions {
  std::string device = "auto", precision = "fp32";
  int threads = 0;

  // --device, --precision and --threads; with `one_precision` false, without --precision.
  boost::program_options::options_description describe(bool one_precision = true);
  // Throws Error naming the option.
  MachineChoice choice() const;
};

// --config and --help, which every command has.
boost::program_options::options_description common_options();

}  // namespace neumf::program
