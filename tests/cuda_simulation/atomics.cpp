#include <algorithm>
#include <utility>

#include "access.hpp"
#include "language.hpp"

// Threads give way only where they wait, so nothing comes between reading and writing.
namespace {

template <class T, class Change>
T changed(T* address, const Change& change) {
  neumf::simulation::access(address, sizeof(T), true, true);
  const T old = *address;
  *address = change(old);
  return old;
}

}  // namespace

float atomicAdd(float* address, float value) {
  return changed(address, [=](float old) { return old + value; });
}
float4 atomicAdd(float4* address, float4 value) {
  return changed(address, [=](float4 old) {
    return float4{old.x + value.x, old.y + value.y, old.z + value.z, old.w + value.w};
  });
}
unsigned atomicAdd(unsigned* address, unsigned value) {
  return changed(address, [=](unsigned old) { return old + value; });
}
unsigned long long atomicAdd(unsigned long long* address, unsigned long long value) {
  return changed(address, [=](unsigned long long old) { return old + value; });
}
unsigned atomicMin(unsigned* address, unsigned value) {
  return changed(address, [=](unsigned old) { return std::min(old, value); });
}
unsigned atomicCAS(unsigned* address, unsigned expected, unsigned value) {
  return changed(address, [=](unsigned old) { return old == expected ? value : old; });
}
unsigned atomicExch(unsigned* address, unsigned value) {
  return changed(address, [=](unsigned) { return value; });
}
int atomicExch(int* address, int value) {
  return changed(address, [=](int) { return value; });
}
float atomicExch(float* address, float value) {
  return changed(address, [=](float) { return value; });
}
