// What to tell the user at the end.
#pragma once

#include <string>

#include "dataset_writer.hpp"
#include "options.hpp"
#include "split.hpp"

namespace neumf::preprocess {

// A data set that is ready to be written.
struct Prepared {
  Split split;
  Provenance provenance;
  std::string reading;  // for the summary: which columns were read, and what is to be known of them
};

// In several lines: what was read, dropped and held out, doubts, and what was written.
std::string summary(const Options& options, const Prepared& prepared, double seconds);

}  // namespace neumf::preprocess
