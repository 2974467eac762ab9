// Pinned host memory. While a copy from or to it is pending, the host cannot reach what the copy may change:
// nothing of it if the copy writes, and no writing if it reads. Pending means that the host has not waited
// for it, whether or not the device is done.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "clock.hpp"

namespace neumf::simulation {

class Pinned {
 public:
  void* allocate(std::size_t bytes);
  bool release(void* data);
  // The bytes from `data` to the end of its pinned memory; 0 if it is not pinned.
  std::size_t room(const void* data) const;

  void begin(const void* data, bool written, const Moment& moment, const std::string& work);
  // The host has waited for everything before `host`.
  void end(const VectorClock& host);
  std::string fault_of(const void* address) const;

  // While it lives, the device may do its part.
  class Open {
   public:
    explicit Open(const void* data);
    ~Open();
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;

   private:
    const void* data_;
  };

 private:
  struct Pending {
    Moment moment;
    bool written;
    std::string work;
  };
  struct Block {
    char* data;
    std::size_t bytes;
    std::vector<Pending> pending;
  };
  Block* find(const void* data);
  static void protect(const Block& block, bool open);

  std::vector<Block> blocks_;
};

Pinned& pinned();

}  // namespace neumf::simulation
