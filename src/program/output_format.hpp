// The values of --format.
#pragma once

#include <string>

#include "neumf/core/error.hpp"
#include "neumf/serve/recommendation_writer.hpp"

namespace neumf::program {

inline serve::OutputFormat output_format(const std::string& text) {
  if (text == "csv") return serve::OutputFormat::csv;
  if (text == "jsonl") return serve::OutputFormat::jsonl;
  if (text == "hdf5") return serve::OutputFormat::hdf5;
  fail("--format {}: must be one of csv, jsonl, hdf5", text);
}

}  // namespace neumf::program
