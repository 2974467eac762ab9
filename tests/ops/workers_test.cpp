#include "neumf/core/workers.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <set>

#include "neumf/core/error.hpp"

namespace neumf {
namespace {

TEST(Workers, RunEachWithAContextOfItsOwn) {
  Context<Cpu> context(3);
  Workers<Cpu> workers(context);
  ASSERT_EQ(workers.count(), 3);
  std::vector<const Context<Cpu>*> contexts(3, nullptr);
  for (int round = 0; round < 2; ++round) {
    std::atomic<int> calls = 0;
    workers.run([&](int worker, Context<Cpu>& own) {
      ++calls;
      EXPECT_EQ(own.threads(), 1);
      auto& seen = contexts[static_cast<std::size_t>(worker)];
      EXPECT_TRUE(round == 0 || seen == &own) << "a context is kept from run to run";
      seen = &own;
    });
    EXPECT_EQ(calls, 3);
  }
  EXPECT_EQ(std::set<const Context<Cpu>*>(contexts.begin(), contexts.end()).size(), 3u);
}

TEST(Workers, PassOnWhatWasThrown) {
  Context<Cpu> context(2);
  Workers<Cpu> workers(context);
  const auto run = [&] {
    workers.run([](int worker, Context<Cpu>&) { require(worker != 1, "worker {} failed", worker); });
  };
  EXPECT_THAT(run, testing::ThrowsMessage<Error>("worker 1 failed"));
  EXPECT_NO_THROW(workers.run([](int, Context<Cpu>&) {}));
}

}  // namespace
}  // namespace neumf
