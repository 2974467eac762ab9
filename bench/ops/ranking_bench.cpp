// Ranking held-out items among their test negatives.
#include "neumf/ops/ranking.hpp"

#include "measure.hpp"
#include "ops/reference/ranking.hpp"
#include "registry.hpp"

namespace neumf::bench {

void register_ranking() {
  for_each_device([]<class Device>(Case<Device, float> c) {
    add<Device>("rank_held_out", "fp32", c.data, [c](auto& state, auto& context) {
      const Batch<Device> batch(context, c.data, block_groups(context, c.data, test_group_size),
                                test_group_size);
      auto logits = random_tensor<Device, float>(context, batch.samples(), 1);
      Tensor<std::uint32_t, Device> ranks(batch.groups());
      const auto samples = static_cast<double>(batch.samples());
      const Work work{
          .samples = samples,
          .bytes = reference::rank_held_out_traffic(static_cast<double>(batch.groups()), samples).total()};
      measure(state, context, work,
              [&] { ops::rank_held_out(context, batch.view(), logits.data(), ranks.data()); });
    });
  });
}

}  // namespace neumf::bench
