// The files of the NCF paper (He et al., WWW 2017): PREFIX.train.rating, PREFIX.test.rating and, where the
// negatives are not to be drawn, PREFIX.test.negative. Their ids are dense already; ids, split and negatives
// are taken as they are.
#pragma once

#include <filesystem>
#include <optional>

#include "progress.hpp"
#include "split.hpp"

namespace neumf::preprocess {

struct NcfFiles {
  std::filesystem::path train, test, negatives;  // without negatives: empty
};

// `input` is PREFIX or the path of PREFIX.train.rating; each file may also end in .gz or .txt. Nothing if
// there is no PREFIX.train.rating; fails if PREFIX.test.rating is missing.
std::optional<NcfFiles> find_ncf_files(const std::filesystem::path& input);

// Fails if users are not 0 to n - 1 with one test line each, or test and negatives disagree. Without a file
// of negatives the split has none.
Split load_ncf(const NcfFiles& files, std::size_t threads, Progress& progress);

}  // namespace neumf::preprocess
