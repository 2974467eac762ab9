#include "trainer_spec.hpp"

namespace neumf {

TrainerSpec trainer_spec(const Options& options, const ModelShape& shape, bool half_range) {
  const auto& o = options;
  TrainerSpec spec;
  spec.sampler.sampling = o.sampling;
  spec.sampler.negatives = o.negative_samples;
  spec.sampler.item_count = static_cast<std::uint32_t>(shape.items);
  spec.sampler.exact_negatives = o.exact_negatives;
  spec.sampler.seed = o.seed;
  spec.negatives = o.negatives;
  spec.popularity_power = o.popularity_power;
  spec.loss = o.loss;
  spec.embedding_l2 = o.embedding_l2;
  spec.batch_size = o.batch_size;
  spec.grads_accumulated = o.grads_accumulated;
  spec.dropout = o.dropout;
  spec.optimizer = o.optimizer;
  spec.learning_rate = o.learning_rate;
  spec.adam = {o.beta1, o.beta2, o.eps, o.weight_decay};
  spec.freeze = o.frozen();
  if (o.loss == Loss::full_softmax) {
    // A sample is a user, by itself. The final layer stays as it is: growing without a penalty, it would take
    // the one on the embeddings away.
    spec.sampler.sampling = Sampling::grouped;
    spec.sampler.negatives = 0;
    spec.freeze.mlp = true;
  }
  spec.profile = o.profile;
  spec.users_replicated = o.user_embeddings == UserEmbeddings::replicated;
  // fp16 reaches down to 6e-8 only: gradients are scaled up. bf16 has the range of fp32.
  if (half_range) {
    spec.loss_scaling.dynamic = true;
    spec.loss_scale = 65536.0f;
  }
  return spec;
}

LeastSquaresTrainerSpec least_squares_spec(const Options& options) {
  const auto& o = options;
  return {.rows = {.unobserved_weight = o.unobserved_weight, .l2 = o.embedding_l2, .l2_power = o.l2_power},
          .freeze = o.frozen(),
          .threads = o.threads,
          .profile = o.profile};
}

LearningRate learning_rate(const Options& options) {
  const auto& o = options;
  return {o.learning_rate, o.lr_schedule, o.epochs, o.lr_warmup, o.lr_decay, o.lr_decay_epochs};
}

}  // namespace neumf
