#include "neumf/ops/sample.hpp"

#include <set>

#include "device_fixture.hpp"
#include "ops/reference/sample.hpp"

namespace neumf::test {
namespace {

// A small data set: user u has a few ascending items, or at every tenth nearly all of them; positives count
// from `first` over all ranks.
struct HostSet {
  std::vector<std::uint32_t> users, items;
  std::vector<std::uint64_t> offsets{0};
  std::uint64_t first = 0;
};

HostSet host_set(std::uint32_t user_count, std::uint32_t item_count, std::uint64_t first) {
  HostSet set;
  set.first = first;
  std::mt19937_64 generator(4);
  for (std::uint32_t user = 0; user < user_count; ++user) {
    std::set<std::uint32_t> items;
    const std::size_t count = user % 10 == 9 ? item_count - 1 - user % 3 : 1 + user % 9;
    while (items.size() < count) items.insert(static_cast<std::uint32_t>(generator() % item_count));
    for (const auto item : items) set.users.push_back(user), set.items.push_back(item);
    set.offsets.push_back(set.users.size());
  }
  return set;
}

template <class C>
struct Sample : OpTest<C> {};
TYPED_TEST_SUITE(Sample, DeviceCases, CaseNames);

TYPED_TEST(Sample, FillsABatchFromThePlaceInTheEpoch) {
  using Where = typename TypeParam::Device;
  const HostSet set = host_set(300, 97, 1'000'000'007);
  const auto users = this->to_device(set.users), items = this->to_device(set.items);
  const auto offsets = this->to_device(set.offsets);
  TrainingSetView device_set{users.data(), items.data(), offsets.data(), set.users.size(), set.first};
  TrainingSetView set_view{set.users.data(), set.items.data(), set.offsets.data(), set.users.size(),
                           set.first};
  std::vector<std::uint64_t> counts(97, 0);
  for (const auto item : set.items) ++counts[item];
  const auto slots = popularity_distribution(counts, 0.5).slots;
  const auto device_slots = this->to_device(slots);
  for (const bool by_popularity : {false, true})
    for (const auto sampling : {Sampling::grouped, Sampling::shuffled})
      for (const std::uint32_t negatives : {0u, 1u, 4u})
        for (const bool exact : {false, true})
          for (const Index groups : {0, 1, 13, 900}) {
            device_set.slots = by_popularity ? device_slots.data() : nullptr;
            set_view.slots = by_popularity ? slots.data() : nullptr;
            const SamplerSpec spec{sampling, negatives, 97, exact, 11, 3, 5000};
            SamplerSpec without_epoch = spec;  // which is the state's
            without_epoch.epoch = 99;
            const auto size = static_cast<Index>(spec.group_size());
            BatchBuffer<Where> out(1000, static_cast<std::int32_t>(size));
            StepState state;
            state.position = 100;
            state.epoch = 3;
            const auto device_state = this->to_device(std::vector<StepState>{state});
            sample_batch(this->context(), device_set, without_epoch, device_state.data(), 17, groups, out);
            const auto got_users = this->to_host(out.users), got_items = this->to_host(out.items);
            const auto got_ids = this->to_host(out.ids);
            const auto got_labels = this->to_host(out.labels);
            const auto want = reference::sample_batch(set_view, spec, 117, groups);
            for (Index g = 0; g < groups; ++g) {
              const auto at = static_cast<std::size_t>(g);
              ASSERT_EQ(got_ids[at], want.ids[at]);
              ASSERT_EQ(got_users[at], want.users[at]);
            }
            for (Index i = 0; i < want.samples(); ++i) {
              const auto at = static_cast<std::size_t>(i);
              ASSERT_EQ(got_labels[at], want.labels[at]);
              ASSERT_EQ(got_items[at], want.items[at]);
            }
          }
}

}  // namespace
}  // namespace neumf::test
