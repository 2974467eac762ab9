#include "neumf/train/stop_signals.hpp"

#include <gtest/gtest.h>

namespace neumf {
namespace {

volatile std::sig_atomic_t others = 0;

TEST(StopSignals, RemembersWhatArrivedAndRestoresTheHandlers) {
  std::signal(SIGUSR1, [](int) { others = others + 1; });
  {
    const StopSignals signals;
    EXPECT_EQ(StopSignals::received(), 0);
    std::raise(SIGUSR1);
    EXPECT_EQ(StopSignals::received(), SIGUSR1);
    std::raise(SIGTERM);
    EXPECT_EQ(StopSignals::received(), SIGTERM);
    EXPECT_EQ(others, 0);
  }
  std::raise(SIGUSR1);
  EXPECT_EQ(others, 1);
  const StopSignals again;
  EXPECT_EQ(StopSignals::received(), 0);
}

TEST(StopSignals, TheFirstOneSaysWhatWasAnnounced) {
  const StopSignals signals;
  for (int i = 0; i < 10; ++i) StopSignals::announce("saved " + std::to_string(i) + " times\n");
  testing::internal::CaptureStderr();
  std::raise(SIGTERM);
  StopSignals::announce("too late\n");
  std::raise(SIGTERM);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "saved 9 times\n");
  {
    const StopSignals again;
    testing::internal::CaptureStderr();
    std::raise(SIGTERM);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    StopSignals::announce("too late\n");
  }
}

TEST(StopSignals, ASecondInterruptEndsTheProcess) {
  EXPECT_EXIT(
      {
        const StopSignals signals;
        std::raise(SIGINT);
        if (StopSignals::received() == SIGINT) std::raise(SIGINT);
        std::_Exit(0);
      },
      testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace neumf
