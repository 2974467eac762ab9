#include "access.hpp"

#include <sys/mman.h>

#include <vector>

#include "block.hpp"
#include "count.hpp"
#include "fault.hpp"
#include "memory.hpp"
#include "queue.hpp"

namespace neumf::simulation {
namespace {

// Who touched four bytes, and which of them.
struct Mark {
  std::uint32_t launch = 0, thread = 0;
  std::uint16_t epoch = 0;  // barriers of the block before it
  std::uint8_t mask = 0, atomic = 0;
};
struct Cell {
  Mark written, read[2];  // the last writer and two readers
};

struct alignas(256) SharedMemory {
  std::uint8_t bytes[max_shared_bytes];
};
SharedMemory shared;

struct State {
  State() {
    base = memory().base();
    cells = static_cast<Cell*>(map(Memory::range_bytes / 4 * sizeof(Cell)));
    sectors = static_cast<Sector*>(map(Memory::range_bytes / sector_bytes * sizeof(Sector)));
    launches.push_back({});
  }
  static void* map(std::size_t bytes) {
    void* data =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(data != MAP_FAILED, "a simulated GPU needs {} GiB of addresses", bytes >> 30);
    return data;
  }

  static constexpr std::size_t sector_bytes = 32;  // what a GPU's memory moves at least
  struct Sector {
    std::uint32_t read = 0, written = 0;  // the last launches that did
  };
  struct Launch {
    std::uint32_t strand = 0, tick = 0;
  };

  bool checks = setting("NEUMF_SIM_CHECK", 1) != 0;
  std::uintptr_t base;
  Cell* cells;
  Sector* sectors;
  std::vector<Launch> launches;
  std::vector<Cell> shared_cells{max_shared_bytes / 4};

  // What runs.
  bool active = false, in_kernel = false;
  std::uint32_t launch = 0;
  std::uint32_t block_run = 0x80000000u;  // never the number of a launch
  const VectorClock* before = nullptr;
  std::uint32_t thread = 0, block = 0, block_threads = 1;
  std::uint16_t epoch = 0;
  std::size_t shared_bytes = 0;
  std::uint32_t checked_launch = 0;  // of which we know that it came before
};

State& state() {
  static auto* one = new State;
  return *one;
}

std::string place(const State& s, std::uint32_t thread) {
  return fmt::format("thread {} of block {}", thread % s.block_threads, thread / s.block_threads);
}

void violation(const std::string& what) {
  if (!state().in_kernel) throw Error(what);
  current_block().abandon(what);
}

std::string who(const State& s) {
  return s.in_kernel ? place(s, s.thread) : "the call";
}

bool conflicts(State& s, const Mark& mark, std::uint32_t launch, unsigned mask, bool atomic) {
  if (mark.launch == 0 || (mark.mask & mask) == 0) return false;
  if (mark.launch == launch) {
    if (mark.thread == s.thread || (mark.atomic != 0 && atomic)) return false;
    return mark.thread / s.block_threads != s.block || mark.epoch == s.epoch;
  }
  // Marks in shared memory of an earlier block are over.
  if (launch != s.launch || mark.launch == s.checked_launch) return false;
  const auto& other = s.launches[mark.launch];
  if (s.before->of(other.strand) < other.tick) return true;
  s.checked_launch = mark.launch;
  return false;
}

std::string race(const State& s, const Mark& mark, std::uint32_t launch, bool written, bool other_wrote,
                 const std::string& where) {
  const char* verb = written ? "writes" : "reads";
  const char* other_verb = other_wrote ? "writes" : "reads";
  if (mark.launch == launch)
    return fmt::format("{} {} {} that {} {} as well, and no barrier is between them", who(s), verb, where,
                       place(s, mark.thread), other_verb);
  const auto& other = s.launches[mark.launch];
  return fmt::format("{} {} {} that {} {} as well, and neither a stream nor an event orders the two", who(s),
                     verb, where, queue().name_at(other.strand, other.tick), other_verb);
}

// Where it races, says so.
template <class Where>
bool mark_cell(State& s, Cell& cell, std::uint32_t launch, unsigned mask, bool written, bool atomic,
               const Where& where) {
  const Mark* other = nullptr;
  bool other_wrote = true;
  if (conflicts(s, cell.written, launch, mask, atomic)) {
    other = &cell.written;
  } else if (written) {
    other_wrote = false;
    for (const Mark& read : cell.read)
      if (conflicts(s, read, launch, mask, atomic)) other = &read;
  }
  if (other != nullptr) {
    violation(race(s, *other, launch, written, other_wrote, where()));
    return false;
  }
  const Mark mine{launch, s.thread, s.epoch, static_cast<std::uint8_t>(mask),
                  static_cast<std::uint8_t>(atomic)};
  const auto merge = [&](Mark& mark) {
    if (mark.launch != launch || mark.thread != s.thread || mark.epoch != s.epoch ||
        mark.atomic != mine.atomic)
      return false;
    mark.mask |= mine.mask;
    return true;
  };
  if (written) {
    if (!merge(cell.written)) cell.written = mine;
  } else if (!merge(cell.read[0]) && !merge(cell.read[1])) {
    cell.read[1] = cell.read[0];
    cell.read[0] = mine;
  }
  return true;
}

template <class CellAt, class Where>
void mark_range(State& s, std::uintptr_t offset, std::size_t bytes, std::uint32_t launch, bool written,
                bool atomic, const CellAt& cell_at, const Where& where) {
  for (std::size_t cell = offset / 4, end = (offset + bytes + 3) / 4; cell < end; ++cell) {
    unsigned mask = 0xF;
    if (cell * 4 < offset) mask &= 0xFu << (offset % 4);
    if (cell * 4 + 4 > offset + bytes) mask &= 0xFu >> (cell * 4 + 4 - offset - bytes);
    if (!mark_cell(s, cell_at(cell), launch, mask & 0xF, written, atomic, where)) return;
  }
}

void count_sectors(State& s, std::uintptr_t offset, std::size_t bytes, bool written) {
  std::uint64_t fresh = 0;
  for (std::size_t i = offset / State::sector_bytes; i <= (offset + bytes - 1) / State::sector_bytes; ++i) {
    auto& last = written ? s.sectors[i].written : s.sectors[i].read;
    if (last == s.launch) continue;
    // What the launch itself has written is still in the cache.
    fresh += written || s.sectors[i].written != s.launch ? State::sector_bytes : 0;
    last = s.launch;
  }
  counts().moved(written, fresh);
}

void device_access(State& s, std::uintptr_t address, std::size_t bytes, bool written, bool atomic) {
  const Allocation* found = memory().find(address);
  if (found == nullptr || found->freed || address + bytes > found->begin + found->bytes) {
    violation(fmt::format(
        "{} {} {} bytes at {}", who(s), written ? "writes" : "reads", bytes,
        memory().describe(found == nullptr || found->freed || address >= found->begin + found->bytes
                              ? address
                              : found->begin + found->bytes)));
    return;
  }
  count_sectors(s, address - s.base, bytes, written);
  mark_range(
      s, address - s.base, bytes, s.launch, written, atomic,
      [&](std::size_t i) -> Cell& { return s.cells[i]; }, [&] { return memory().describe(address); });
}

void shared_access(State& s, std::size_t offset, std::size_t bytes, bool written, bool atomic) {
  if (offset + bytes > s.shared_bytes) {
    violation(fmt::format("{} {} byte {} of shared memory, of which the block has {}", who(s),
                          written ? "writes" : "reads", offset + bytes - 1, s.shared_bytes));
    return;
  }
  mark_range(
      s, offset, bytes, s.block_run, written, atomic,
      [&](std::size_t i) -> Cell& { return s.shared_cells[i]; },
      [&] { return fmt::format("byte {} of shared memory", offset); });
}

// An access of a kernel, which the compiler tells us of.
void touched(const void* data, std::size_t bytes, bool written, bool atomic = false, bool aligned = true) {
  State& s = state();
  if (!s.in_kernel) return;
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  const std::uintptr_t at = address - reinterpret_cast<std::uintptr_t>(shared.bytes);
  const bool is_shared = at < max_shared_bytes;
  if (!is_shared && address - s.base >= Memory::range_bytes) return;  // a thread's own
  if (aligned && bytes <= 16 && address % bytes != 0) {
    violation(fmt::format("{} {} {} bytes at an address that is no multiple of {}", who(s),
                          written ? "writes" : "reads", bytes, bytes));
    return;
  }
  if (is_shared)
    shared_access(s, at, bytes, written, atomic);
  else
    device_access(s, address, bytes, written, atomic);
}

}  // namespace

bool checks_accesses() {
  return state().checks;
}

void begin_accesses(const Work& work, Run& run) {
  State& s = state();
  counts().begin(work.name);
  if (!s.checks) return;
  if (run.launch == 0) {  // its first attempt
    s.launches.push_back({run.moment.strand, run.moment.tick});
    run.launch = static_cast<std::uint32_t>(s.launches.size() - 1);
  }
  s.launch = run.launch;
  s.before = &run.moment.before;
  s.thread = s.block = 0;
  s.block_threads = 1;
  s.epoch = 0;
  s.checked_launch = 0;
  s.active = true;
}

void end_accesses(bool done) {
  State& s = state();
  s.active = s.in_kernel = false;
  counts().end(done);
}

void begin_block(unsigned block, unsigned threads, std::size_t shared_bytes) {
  State& s = state();
  s.block = block;
  s.block_threads = threads;
  s.shared_bytes = shared_bytes;
  ++s.block_run;
  s.in_kernel = s.active;
}

void set_thread(unsigned thread, unsigned epoch) {
  State& s = state();
  s.thread = s.block * s.block_threads + thread;
  s.epoch = static_cast<std::uint16_t>(epoch);
}

void grow_shared(std::size_t bytes) {
  State& s = state();
  if (bytes > s.shared_bytes) s.shared_bytes = bytes;
}

void end_block() {
  state().in_kernel = false;
}

void access(const void* data, std::size_t bytes, bool written, bool atomic) {
  State& s = state();
  if (bytes == 0) return;
  if (s.in_kernel) {
    touched(data, bytes, written, atomic);
  } else {
    if (const std::string why = memory().fault_of(data, bytes); !why.empty())
      throw Error(fmt::format("{} {} bytes: {}", written ? "writes" : "reads", bytes, why));
    if (s.active) device_access(s, reinterpret_cast<std::uintptr_t>(data), bytes, written, atomic);
  }
}

std::uint8_t* shared_memory() {
  return shared.bytes;
}

}  // namespace neumf::simulation

// What the compiler calls at each access of a converted kernel.
using neumf::simulation::touched;
extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void* /*caller*/) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void** /*at*/, void* /*value*/) {}
void __tsan_vptr_read(void** /*at*/) {}
void __tsan_read_range(void* data, unsigned long bytes) {
  touched(data, bytes, false, false, false);
}
void __tsan_write_range(void* data, unsigned long bytes) {
  touched(data, bytes, true, false, false);
}
#define NEUMF_HOOK(NAME, ...)   \
  void NAME(void* data) {       \
    touched(data, __VA_ARGS__); \
  }
#define NEUMF_SIZE(N)                                          \
  NEUMF_HOOK(__tsan_read##N, N, false)                         \
  NEUMF_HOOK(__tsan_write##N, N, true)                         \
  NEUMF_HOOK(__tsan_volatile_read##N, N, false)                \
  NEUMF_HOOK(__tsan_volatile_write##N, N, true)                \
  NEUMF_HOOK(__tsan_unaligned_read##N, N, false, false, false) \
  NEUMF_HOOK(__tsan_unaligned_write##N, N, true, false, false)
NEUMF_SIZE(1)
NEUMF_SIZE(2)
NEUMF_SIZE(4)
NEUMF_SIZE(8)
NEUMF_SIZE(16)
#undef NEUMF_SIZE
#undef NEUMF_HOOK
}
