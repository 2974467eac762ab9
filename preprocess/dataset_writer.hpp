// Writes the layout of neumf/data/layout.hpp.
#pragma once

#include <cstdint>
#include <string>

#include "output_directory.hpp"
#include "progress.hpp"
#include "split.hpp"

namespace neumf::preprocess {

struct Provenance {
  std::string source;      // file name, without directories
  std::string source_xxh128;  // empty for synthetic data
  std::string options;     // all that decide the content
  std::string columns;     // which columns were read; empty where the source has no columns to choose from
  // How test items were chosen: "latest", "drawn" (no times), "given", or in the words of the summary.
  std::string held_out = "given";
  std::string validation = "none";  // the same of the validation
  std::string created_by;
  std::uint64_t seed = 0;
};

// The same for the same program, input and options; stored in every file, so that files of different data
// sets are never read together.
std::string dataset_id(const Provenance& provenance);

// Writes and publishes all files. Fails if there are fewer users than shards.
void write_dataset(const Split& split, const Provenance& provenance, std::size_t shards,
                   OutputDirectory& output, Progress& progress);

}  // namespace neumf::preprocess
