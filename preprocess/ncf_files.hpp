// The three files of the NCF paper (He et al., WWW 2017): PREFIX.train.rating, PREFIX.test.rating and
// PREFIX.test.negative. Their ids are dense already; ids, split and negatives are taken as they are.
#pragma once

#include <filesystem>
#include <optional>

#include "progress.hpp"
#include "split.hpp"

namespace neumf::preprocess {

struct NcfFiles {
  std::filesystem::path train, test, negatives;
};

// `input` is PREFIX or the path of PREFIX.train.rating; each file may end in .gz. Nothing if there is no
// PREFIX.train.rating; fails if one of the other two is missing.
std::optional<NcfFiles> find_ncf_files(const std::filesystem::path& input);

// Fails if users are not 0 to n - 1 with one test line each, or test and negatives disagree.
Split load_ncf(const NcfFiles& files, std::size_t threads, Progress& progress);

}  // namespace neumf::preprocess
