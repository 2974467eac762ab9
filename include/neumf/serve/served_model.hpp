// A trained model without what training needs: all shared weights, and the rows of a window of users at a
// time, so that memory does not grow with the number of users.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neumf/checkpoint/reader.hpp"
#include "neumf/core/context.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/serve/user_rows.hpp"

namespace neumf::serve {

template <class Device, class T>
class ServedModel {
 public:
  // Reads the shared weights and reserves the rows of `window` users. `items`: the checkpoint's rows of the
  // items to have, in this order; all of them where it is empty. `rows`: where users come from, or null for
  // the checkpoint. `checkpoint` and `rows` must outlive the model.
  ServedModel(Context<Device>& context, CheckpointReader& checkpoint, std::int64_t window,
              std::span<const std::uint32_t> items = {}, UserRows* rows = nullptr);

  // Row i of the user tables becomes that of user users[i] (a row of where users come from), for at most
  // `window` users in any order.
  void load_users(Context<Device>& context, std::span<const std::uint32_t> users);

  const ModelShape& shape() const { return shape_; }
  std::int64_t window() const { return parameters_.layout().user_gmf.rows; }
  Parameters<Device, T>& parameters() { return parameters_; }

 private:
  CheckpointReader& checkpoint_;
  UserRows* rows_;
  ModelShape shape_;
  Parameters<Device, T> parameters_;
  std::vector<float> gmf_, mlp_;  // the window's rows on the host
};

}  // namespace neumf::serve
