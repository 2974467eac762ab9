// How the program ends, the same on every rank.
#pragma once

namespace neumf::exit_status {

inline constexpr int success = 0;
// An error, which rank 0 has reported.
inline constexpr int failure = 1;
// A signal ended training after a checkpoint was written: the same command with --resume goes on. The value
// is EX_TEMPFAIL of sysexits.h, "try again later".
inline constexpr int interrupted = 75;
// A signal ended training, and nothing was saved: what shells report for a process killed by it.
inline constexpr int killed_by(int signal) {
  return 128 + signal;
}

}  // namespace neumf::exit_status
