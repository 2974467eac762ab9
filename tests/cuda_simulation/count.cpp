#include "count.hpp"

#include <cstdio>
#include <cstdlib>

#include "fault.hpp"

namespace neumf::simulation {
namespace {

// Each update begins with it, once.
constexpr const char* step_mark = "prepare_update_kernel";

void print_table() {
  fmt::print("{}", counts().table(static_cast<std::uint64_t>(setting("NEUMF_SIM_COUNT", 0))));
}

}  // namespace

Counts& counts() {
  static auto* one = new Counts;
  return *one;
}

Counts::Counts() {
  if (setting("NEUMF_SIM_COUNT", 0) > 0) std::atexit(print_table);
}

void Counts::begin(const std::string& work) {
  work_ = work;
  read_ = written_ = 0;
}

void Counts::end(bool done) {
  if (work_.find(step_mark) != std::string::npos) {
    std::uint64_t bytes = 0;
    for (const auto& [name, line] : current_) bytes += line.read + line.written;
    // The first steps choose among ways to do things, and do them more than once.
    if (++steps_ > 3 && bytes >= largest_bytes_) {
      largest_bytes_ = bytes;
      largest_ = current_;
    }
    current_.clear();
  }
  Line& line = current_[work_];
  line.launches += done ? 1 : 0;
  line.read += read_;
  line.written += written_;
}

std::string Counts::table(std::uint64_t samples) const {
  std::string out = fmt::format("{:<40} {:>8} {:>14} {:>14}\n", "one training step", "launches", "bytes read",
                                "bytes written");
  Line sum;
  for (const auto& [name, line] : largest_) {
    out += fmt::format("{:<40} {:>8} {:>14} {:>14}\n", name, line.launches, line.read, line.written);
    sum.launches += line.launches;
    sum.read += line.read;
    sum.written += line.written;
  }
  out += fmt::format("{:<40} {:>8} {:>14} {:>14}\n", "sum", sum.launches, sum.read, sum.written);
  out += fmt::format("{:.1f} bytes per sample\n",
                     static_cast<double>(sum.read + sum.written) / static_cast<double>(samples));
  out += fmt::format("{} captures of the whole run\n", captures_);
  return out;
}

}  // namespace neumf::simulation
