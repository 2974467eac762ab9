// A directory that holds a complete data set or none.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace neumf::preprocess {

// Files are written under temporary names and get their own together at the end, dataset.h5 last. Whatever
// interrupts that, dataset.h5 is there only with all of its shards.
class OutputDirectory {
 public:
  // Creates the directory and removes temporary files of interrupted runs. Fails if it holds a data set
  // already, unless `overwrite`.
  OutputDirectory(std::filesystem::path directory, bool overwrite);
  // Without commit(), removes what was written.
  ~OutputDirectory();
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;

  // Where to write the file that will be called `name`.
  std::filesystem::path temporary(const std::string& name);
  // Removes an old data set and publishes all files, in the order of temporary(); the last is dataset.h5.
  void commit();

 private:
  void remove_quietly(const std::filesystem::path& path) const;

  std::filesystem::path directory_;
  bool created_ = false, committed_ = false;
  std::vector<std::string> names_;
  std::vector<std::filesystem::path> published_;
};

}  // namespace neumf::preprocess
