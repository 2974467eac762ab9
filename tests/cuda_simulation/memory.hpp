// The memory of a simulated GPU and pinned host memory.
//
// Device memory lies in a reserved range of addresses. What has been freed stays inaccessible and its
// addresses are never given out again; the host cannot read or write any of it where the processor has
// protection keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace neumf::simulation {

struct Allocation {
  std::uintptr_t begin = 0;
  std::size_t bytes = 0;
  bool freed = false;
  std::uint64_t number = 0;  // in the order of allocation
  std::string name() const;
};

class Memory {
 public:
  static constexpr std::size_t range_bytes = std::size_t{1} << 34;

  Memory();
  // Null where the GPU has no room. Filled with 0xFF: NaN in every floating-point type.
  void* allocate(std::size_t bytes);
  // False if `data` is not the beginning of a live allocation.
  bool release(void* data);
  std::size_t capacity() const { return capacity_; }
  std::size_t used() const { return used_; }

  bool contains(const void* pointer) const {
    return reinterpret_cast<std::uintptr_t>(pointer) - base_ < range_bytes;
  }
  std::uintptr_t base() const { return base_; }
  // The allocation that holds the address, or the last one before it; null if there is none.
  const Allocation* find(std::uintptr_t address) const;
  // Why [data, data + bytes) is not live device memory, or nothing.
  std::string fault_of(const void* data, std::size_t bytes) const;
  // For messages.
  std::string describe(std::uintptr_t address) const;

 private:
  std::uintptr_t base_ = 0, next_ = 0;
  std::size_t capacity_, used_ = 0;
  std::vector<Allocation> allocations_;  // by address
};

Memory& memory();

// While it lives, the calling thread may touch device memory, as the GPU does.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess& operator=(DeviceAccess&&) = delete;  // is neither moved nor copied

 private:
  unsigned before_ = 0;
};
// Whether the host is kept from device memory on this machine.
bool host_is_kept_out();

}  // namespace neumf::simulation
