#include "fault.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace neumf::simulation {
namespace {

struct Record {
  std::vector<std::string> faults;
  std::string reason;
};

Record& record() {
  static auto* one = new Record;  // used until the process ends
  return *one;
}

void end_with_status() {
  if (faults().empty()) return;
  std::fflush(nullptr);
  _exit(fault_status);
}

}  // namespace

void report_fault(const std::string& what) {
  static const int registered = std::atexit(end_with_status);
  static_cast<void>(registered);
  fmt::print(stderr, "simulated GPU: {}\n", what);
  std::fflush(stderr);
  record().faults.push_back(what);
}

const std::vector<std::string>& faults() {
  return record().faults;
}

std::vector<std::string> take_faults() {
  return std::exchange(record().faults, {});
}

void set_reason(std::string reason) {
  record().reason = std::move(reason);
}

const std::string& last_reason() {
  return record().reason;
}

long setting(const char* name, long otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtol(value, nullptr, 10);
}

}  // namespace neumf::simulation
