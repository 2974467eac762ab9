// Launches and bytes of one training step. NEUMF_SIM_COUNT=SAMPLES prints them when the program ends, for a
// step of that many samples.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace neumf::simulation {

// Bytes are those of the memory's sectors of 32 bytes, each counted once per launch and direction: what moves
// if caches are perfect within a launch and empty between launches.
class Counts {
 public:
  struct Line {
    std::uint64_t launches = 0, read = 0, written = 0;
  };
  using Step = std::map<std::string, Line>;

  Counts();
  void begin(const std::string& work);
  void moved(bool written, std::uint64_t bytes) { (written ? written_ : read_) += bytes; }
  void end(bool done);
  void captured() { ++captures_; }
  // The step that moved most, of those that a first one has prepared.
  const Step& step() const { return largest_; }
  std::string table(std::uint64_t samples) const;

 private:
  std::string work_;
  std::uint64_t read_ = 0, written_ = 0;
  std::uint64_t steps_ = 0, largest_bytes_ = 0, captures_ = 0;
  Step current_, largest_;
};

Counts& counts();

}  // namespace neumf::simulation
