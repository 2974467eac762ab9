// A progress bar on a terminal; silent elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace neumf::preprocess {

class Progress {
 public:
  // Draws on standard error, and only if that is a terminal.
  Progress();
  ~Progress();
  Progress& operator=(Progress&&) = delete;  // is neither moved nor copied

  // Starts the next stage, of `total` units; 0 if its length is unknown.
  void stage(std::string_view name, std::uint64_t total = 0);
  void update(std::uint64_t done);

 private:
  void draw(std::uint64_t done);
  void clear();

  bool enabled_;
  bool drawn_ = false;
  std::string name_;
  std::uint64_t total_ = 0;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace neumf::preprocess
