// A directory of Parquet or Arrow files as one input, as Spark, Dask and others write a table.
#pragma once

#include <filesystem>
#include <vector>

namespace neumf::preprocess {

// `inputs`, where each directory that has such files stands for them, in the order of their names; those that
// begin with "_" or "." are no data. Fails on directories by value (event=buy), whose column is in no file.
std::vector<std::filesystem::path> with_files_of_directories(
    const std::vector<std::filesystem::path>& inputs);

}  // namespace neumf::preprocess
