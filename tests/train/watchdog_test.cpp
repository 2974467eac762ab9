#include "neumf/train/watchdog.hpp"

#include <gmock/gmock.h>

#include <thread>

namespace neumf {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

// The first rank speaks for all that share the machine.
TEST(Watchdog, NamesTheRankAndItsPhase) {
  const auto world = Communicator::world();
  testing::internal::CaptureStderr();
  {
    Watchdog watchdog(world, 0.3, false);
    const bool stalls = world.rank() == world.size() - 1;
    watchdog.heartbeat().at(4, 17);
    watchdog.heartbeat().enter(Phase::forward);
    for (int i = 0; i < 20; ++i) {
      std::this_thread::sleep_for(50ms);
      if (!stalls) watchdog.heartbeat().enter(Phase::allreduce);
    }
    world.barrier();
  }
  const std::string text = testing::internal::GetCapturedStderr();
  if (world.is_root()) {
    EXPECT_THAT(text, HasSubstr("no progress"));
    EXPECT_THAT(text, HasSubstr("rank " + std::to_string(world.size() - 1) + ": in 'forward' for "));
    EXPECT_THAT(text, HasSubstr("(epoch 4, update 17)"));
  } else {
    EXPECT_EQ(text, "");
  }
}

TEST(Watchdog, IsSilentWhileThereIsProgress) {
  const auto world = Communicator::world();
  testing::internal::CaptureStderr();
  {
    Watchdog watchdog(world, 2.0, false), off(world, 0, true);
    for (int i = 0; i < 30; ++i) {
      std::this_thread::sleep_for(50ms);
      watchdog.heartbeat().enter(Phase::sample);
    }
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace neumf
