#include "memory.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "fault.hpp"
#include "queue.hpp"

namespace neumf::simulation {
namespace {

constexpr std::size_t page = 4096;
constexpr std::uint64_t mebibyte = 1 << 20;

int protection_key() {
  static const int key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
  return key;
}

struct sigaction program_handler;

// An access that the pages' protection caught: says which, and ends the process.
void on_bad_access(int signal, siginfo_t* info, void* /*context*/) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  if (memory().contains(info->si_addr)) {
    const DeviceAccess allowed;
    const std::string who = running_work();
    if (!who.empty())
      fault("{} touches {}", who, memory().describe(address));
    else
      fault("the host reads or writes device memory: {}", memory().describe(address));
    _exit(fault_status);
  }
  if (const std::string pinned = pinned_fault(info->si_addr); !pinned.empty()) {
    fault("{}", pinned);
    _exit(fault_status);
  }
  sigaction(signal, &program_handler, nullptr);  // happens again, and is the program's own
}

}  // namespace

std::string Allocation::name() const {
  return fmt::format("allocation {} of {} bytes", number, bytes);
}

Memory& memory() {
  static auto* one = new Memory;
  return *one;
}

Memory::Memory() : capacity_(static_cast<std::size_t>(setting("NEUMF_SIM_MEMORY_MIB", 1024)) * mebibyte) {
  void* range = mmap(nullptr, range_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  require(range != MAP_FAILED, "a simulated GPU needs {} GiB of addresses; ulimit -v may forbid that",
          range_bytes >> 30);
  base_ = next_ = reinterpret_cast<std::uintptr_t>(range);
  struct sigaction action {};
  action.sa_sigaction = on_bad_access;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, &program_handler);
}

void* Memory::allocate(std::size_t bytes) {
  const std::size_t whole = (bytes + page - 1) / page * page;
  if (whole > capacity_ - used_) return nullptr;
  require(next_ + whole + page <= base_ + range_bytes,
          "the simulated GPU has given out all of its addresses, since it never gives one out twice");
  void* data = reinterpret_cast<void*>(next_);
  const int key = protection_key();
  const int status = key < 0 ? mprotect(data, whole, PROT_READ | PROT_WRITE)
                             : pkey_mprotect(data, whole, PROT_READ | PROT_WRITE, key);
  require(status == 0, "mprotect failed: the simulated GPU cannot give out {} bytes", bytes);
  {
    const DeviceAccess access;
    std::memset(data, 0xFF, whole);
  }
  allocations_.push_back({next_, bytes, false, allocations_.size() + 1});
  used_ += whole;
  next_ += whole + page;  // a page that nobody may touch
  return data;
}

bool Memory::release(void* data) {
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  const Allocation* found = find(address);
  if (found == nullptr || found->begin != address || found->freed) return false;
  const std::size_t whole = (found->bytes + page - 1) / page * page;
  const_cast<Allocation*>(found)->freed = true;
  madvise(data, whole, MADV_DONTNEED);
  mprotect(data, whole, PROT_NONE);
  used_ -= whole;
  return true;
}

const Allocation* Memory::find(std::uintptr_t address) const {
  auto after = std::upper_bound(allocations_.begin(), allocations_.end(), address,
                                [](std::uintptr_t value, const Allocation& a) { return value < a.begin; });
  return after == allocations_.begin() ? nullptr : &*(after - 1);
}

std::string Memory::fault_of(const void* data, std::size_t bytes) const {
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  const Allocation* found = contains(data) ? find(address) : nullptr;
  if (found == nullptr) return fmt::format("{} is not device memory", data);
  if (found->freed) return describe(address);
  if (address + bytes > found->begin + found->bytes) return describe(address + bytes - 1);
  return {};
}

std::string Memory::describe(std::uintptr_t address) const {
  const Allocation* found = find(address);
  if (found == nullptr) return "an address before every allocation";
  const std::size_t offset = address - found->begin;
  if (offset < found->bytes)
    return fmt::format("byte {} of {}{}", offset, found->name(), found->freed ? ", which was freed" : "");
  return fmt::format("byte {}, beyond the end of {}{}", offset, found->name(),
                     found->freed ? ", which was freed" : "");
}

DeviceAccess::DeviceAccess() {
  if (protection_key() < 0) return;
  before_ = static_cast<unsigned>(pkey_get(protection_key()));
  pkey_set(protection_key(), 0);
}

DeviceAccess::~DeviceAccess() {
  if (protection_key() >= 0) pkey_set(protection_key(), before_);
}

bool host_is_kept_out() {
  return protection_key() >= 0;
}

}  // namespace neumf::simulation
