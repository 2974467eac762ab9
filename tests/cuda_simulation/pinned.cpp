#include "pinned.hpp"

#include <sys/mman.h>

#include <algorithm>

#include "fault.hpp"
#include "queue.hpp"

namespace neumf::simulation {

Pinned& pinned() {
  static auto* one = new Pinned;
  return *one;
}

std::string pinned_fault(const void* address) {
  return pinned().fault_of(address);
}

void* Pinned::allocate(std::size_t bytes) {
  const std::size_t whole = (bytes + 4095) / 4096 * 4096;
  void* data = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  blocks_.push_back({static_cast<char*>(data), whole, {}});
  return data;
}

bool Pinned::release(void* data) {
  Block* block = find(data);
  if (block == nullptr || block->data != data) return false;
  munmap(block->data, block->bytes);
  blocks_.erase(blocks_.begin() + (block - blocks_.data()));
  return true;
}

Pinned::Block* Pinned::find(const void* data) {
  for (Block& block : blocks_)
    if (data >= block.data && data < block.data + block.bytes) return &block;
  return nullptr;
}

std::size_t Pinned::room(const void* data) const {
  const Block* block = const_cast<Pinned*>(this)->find(data);
  return block == nullptr
             ? 0
             : static_cast<std::size_t>(block->data + block->bytes - static_cast<const char*>(data));
}

void Pinned::protect(const Block& block, bool open) {
  int protection = PROT_READ | PROT_WRITE;
  if (!open && !block.pending.empty()) {
    const bool written =
        std::any_of(block.pending.begin(), block.pending.end(), [](auto& p) { return p.written; });
    protection = written ? PROT_NONE : PROT_READ;
  }
  mprotect(block.data, block.bytes, protection);
}

void Pinned::begin(const void* data, bool written, const Moment& moment, const std::string& work) {
  Block* block = find(data);
  if (block == nullptr) return;
  block->pending.push_back({moment, written, work});
  protect(*block, false);
}

void Pinned::end(const VectorClock& host) {
  for (Block& block : blocks_) {
    const auto over = [&](const Pending& p) { return host.of(p.moment.strand) >= p.moment.tick; };
    if (std::erase_if(block.pending, over) > 0) protect(block, false);
  }
}

std::string Pinned::fault_of(const void* address) const {
  const Block* block = const_cast<Pinned*>(this)->find(address);
  if (block == nullptr || block->pending.empty()) return {};
  const Pending& last = block->pending.back();
  return fmt::format("the host {} byte {} of pinned memory before it has waited for {}, which {} it",
                     last.written ? "reads or writes" : "writes",
                     static_cast<const char*>(address) - block->data, last.work,
                     last.written ? "writes" : "reads");
}

Pinned::Open::Open(const void* data) : data_(data) {
  if (const Block* block = pinned().find(data); block != nullptr) protect(*block, true);
}

Pinned::Open::~Open() {
  if (const Block* block = pinned().find(data_); block != nullptr) protect(*block, false);
}

}  // namespace neumf::simulation
