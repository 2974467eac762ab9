#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace neumf::preprocess {
namespace {
constexpr std::uint64_t bar_width = 30;
constexpr std::chrono::milliseconds redraw_interval{100};
}  // namespace

Progress::Progress() : enabled_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  clear();
}

void Progress::stage(std::string_view name, std::uint64_t total) {
  name_ = name;
  total_ = total;
  if (enabled_) draw(0);
}

void Progress::update(std::uint64_t done) {
  if (enabled_ && std::chrono::steady_clock::now() - last_ >= redraw_interval) draw(done);
}

void Progress::draw(std::uint64_t done) {
  last_ = std::chrono::steady_clock::now();
  std::string line = fmt::format("\r\x1b[K{:<24}", name_);
  if (total_ > 0) {
    done = std::min(done, total_);
    const auto filled = static_cast<std::size_t>(done * bar_width / total_);
    line += fmt::format("[{:<{}}] {:3}%", std::string(filled, '='), bar_width, done * 100 / total_);
  }
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::clear() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

}  // namespace neumf::preprocess
