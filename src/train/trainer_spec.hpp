// The options of training as the trainer takes them.
#pragma once

#include "neumf/config/options.hpp"
#include "neumf/nn/model_shape.hpp"
#include "neumf/train/learning_rate.hpp"
#include "neumf/train/least_squares_trainer.hpp"
#include "neumf/train/trainer.hpp"

namespace neumf {

// `half_range`: products are computed in fp16, whose range is small.
TrainerSpec trainer_spec(const Options& options, const ModelShape& shape, bool half_range);

// Of --loss ials.
LeastSquaresTrainerSpec least_squares_spec(const Options& options);

LearningRate learning_rate(const Options& options);

}  // namespace neumf
