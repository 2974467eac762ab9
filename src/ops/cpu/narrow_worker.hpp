// One thread's part of the step of a narrow model (ops/whole_step.hpp): its samples, tile by tile, through
// all layers and back.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "activation.hpp"
#include "dropout.hpp"
#include "loss.hpp"
#include "narrow_layer.hpp"
#include "neumf/ops/whole_step.hpp"
#include "row_gradients.hpp"
#include "vector.hpp"

namespace neumf::cpu {

// What all activations of a tile take is to fit into a first-level cache.
inline constexpr std::int64_t tile_samples = 64;

// A row of a table. Copied in place: a call for a few dozen bytes takes longer than they do.
template <class T>
void copy_row(const T* row, std::int64_t width, float* out) {
  if constexpr (std::is_same_v<T, float>) {
    std::int64_t i = 0;
    for (; i + 8 <= width; i += 8) std::memcpy(out + i, row + i, 8 * sizeof(float));
    for (; i < width; ++i) out[i] = row[i];
  } else {
    widen(row, out, static_cast<std::size_t>(width));
  }
}

// A weight's gradient among the sums of a thread, which lie behind each other in the layout of Rows.
struct NarrowPlace {
  std::int64_t offset = 0;
  Matrix<float> gradient;
};

// The weights whose gradients are summed over samples, all but the tables.
struct NarrowPlaces : LayerWeights<NarrowPlace> {
  std::int64_t size = 0;  // of all together, in elements

  explicit NarrowPlaces(const LayerWeights<ops::TrainedWeight>& weights) {
    static_cast<LayerWeights<NarrowPlace>&>(*this) =
        weights.layers_as([this](const ops::TrainedWeight& weight) {
          const std::int64_t offset = size;
          size += padded(weight.value.rows, row_block) * padded(weight.value.cols);
          return NarrowPlace{offset, weight.gradient};
        });
  }
  // Adds the sums to the gradients.
  void add(float* sums) const {
    visit_layers([&](const NarrowPlace& p) {
      for (std::int64_t r = 0; r < p.gradient.rows; ++r)
        cpu::add(p.gradient.row(r), sums + p.offset + r * padded(p.gradient.cols), p.gradient.cols);
    });
  }
};

// A thread's layers, tile and sums.
template <class T>
class NarrowWorker {
 public:
  NarrowWorker(const ops::TrainedModel<T>& model, const NarrowPlaces& places, std::int64_t tile_groups,
               std::int32_t group_size)
      : factors_(model.head_gmf.value.cols),
        embedding_(model.pair_user.value.cols),
        tile_groups_(tile_groups),
        user_layer_(model.pair_user.value.rows, embedding_),
        item_layer_(model.pair_item.value.rows, embedding_),
        head_gmf_(1, factors_),
        head_mlp_(1, model.head_mlp.value.cols),
        gmf_users_(tile_groups, factors_),
        weighted_users_(tile_groups, factors_),
        gmf_items_(tile_groups * group_size, factors_),
        users_(tile_groups, embedding_),
        user_mlp_gradients_(tile_groups, embedding_),
        user_gradients_(tile_groups, users_.stride() + factors_),
        items_(tile_groups * group_size, embedding_),
        item_mlp_gradients_(tile_groups * group_size, embedding_),
        item_gradients_(tile_groups * group_size, items_.stride() + factors_),
        user_half_(tile_groups, model.pair_user.value.rows),
        group_sums_(tile_groups, model.pair_user.value.rows),
        logits_(1, tile_groups * group_size),
        dlogits_(1, tile_groups * group_size),
        sums_(1, places.size) {
    const auto add_width = [&](std::int64_t width) {
      activations_.emplace_back(tile_groups * group_size, width);
      gradients_.emplace_back(tile_groups * group_size, width);
    };
    if (embedding_ > 0) add_width(model.pair_user.value.rows);
    for (const auto& weight : model.hidden_weight) {
      add_width(weight.value.rows);
      hidden_.emplace_back(weight.value.rows, weight.value.cols);
    }
  }

  // Prepares for a block.
  void begin(const ops::TrainedModel<T>& model, const Dropout& dropout) {
    user_layer_.load(model.pair_user.value);
    item_layer_.load(model.pair_item.value);
    for (std::size_t i = 0; i < hidden_.size(); ++i) hidden_[i].load(model.hidden_weight[i].value);
    std::copy_n(model.head_gmf.value.data, factors_, head_gmf_.row(0));
    std::copy_n(model.head_mlp.value.data, model.head_mlp.value.cols, head_mlp_.row(0));
    std::fill_n(sums(), sums_.stride(), 0.0f);
    losses_[0] = losses_[1] = 0;
    dropout_ = dropout;
    dropout_bits_.clear();
    for (std::size_t i = 0; i < activations_.size() && dropout.active(); ++i) {
      dropout_.layer = static_cast<std::uint32_t>(i);
      dropout_bits_.emplace_back(dropout_, activations_[i].stride());
    }
  }

  // The groups [first, last) of a block. Adds the gradients of the embedding rows that `owner` owns, and
  // keeps the others for their owners.
  void run(const BatchView& batch, const ops::TrainedModel<T>& model, const NarrowPlaces& places,
           float factor, std::int64_t first, std::int64_t last, RowOwner owner) {
    if (owner.threads > 1) {
      user_outbox_.reserve(last - first, user_gradients_);
      item_outbox_.reserve((last - first) * batch.group_size, item_gradients_);
    }
    ask_for(batch, model, first, std::min(first + tile_groups_, last));
    for (std::int64_t g = first; g < last; g += tile_groups_) {
      const std::int64_t groups = std::min(tile_groups_, last - g);
      ask_for(batch, model, g + groups, std::min(g + groups + tile_groups_, last));
      const BatchView tile{groups,          batch.group_size,
                           batch.users + g, batch.items + g * batch.group_size,
                           batch.ids + g,   batch.labels + g * batch.group_size};
      gather(tile, model);
      if (embedding_ > 0) forward(tile, model);
      head(tile, model, places, factor);
      if (embedding_ > 0) backward(tile, places);
      hand_over(tile.users, tile.groups, user_gradients_, user_tables(model), owner, user_outbox_);
      hand_over(tile.items, tile.samples(), item_gradients_, item_tables(model), owner, item_outbox_);
    }
  }

  // Adds what `other` kept for this thread.
  void receive(NarrowWorker& other, const ops::TrainedModel<T>& model, RowOwner owner) {
    other.user_outbox_.add(user_tables(model), owner);
    other.item_outbox_.add(item_tables(model), owner);
  }

  float* sums() { return sums_.row(0); }
  double loss() const { return losses_[0]; }
  double bias_gradient() const { return losses_[1]; }

 private:
  static RowTables user_tables(const ops::TrainedModel<T>& model) {
    return {model.user_mlp.gradient, model.user_gmf.gradient};
  }
  static RowTables item_tables(const ops::TrainedModel<T>& model) {
    return {model.item_mlp.gradient, model.item_gmf.gradient};
  }
  static void hand_over(const std::uint32_t* ids, std::int64_t count, Rows& gradients,
                        const RowTables& tables, RowOwner owner, RowOutbox& outbox) {
    add_own(ids, count, gradients, tables, owner);
    if (owner.threads == 1) return;
    const auto others = [&](std::int64_t i) { return !owner(ids[i]); };
    for_wanted(count, others, [&](const std::uint32_t* rows, std::int64_t n) {
      for (std::int64_t j = 0; j < n; ++j) outbox.put(ids[rows[j]], gradients, rows[j]);
    });
  }

  // Rows in random order are what the processor cannot foresee.
  static void ask_for(const BatchView& batch, const ops::TrainedModel<T>& model, std::int64_t first,
                      std::int64_t last) {
    const auto ask = [](const ops::TrainedTable<T>& table, std::uint32_t row) {
      prefetch(table.rows.row(row), table.rows.cols);
    };
    for (std::int64_t g = first; g < last; ++g) {
      ask(model.user_gmf, batch.users[g]);
      ask(model.user_mlp, batch.users[g]);
    }
    for (std::int64_t s = first * batch.group_size; s < last * batch.group_size; ++s) {
      ask(model.item_gmf, batch.items[s]);
      ask(model.item_mlp, batch.items[s]);
    }
  }

  void gather(const BatchView& tile, const ops::TrainedModel<T>& model) {
    const auto gather = [](const ops::TrainedTable<T>& table, const std::uint32_t* ids, std::int64_t n,
                           Rows& out) {
      const std::int64_t width = table.rows.cols;
      for (std::int64_t i = 0; i < n; ++i) copy_row(table.rows.row(ids[i]), width, out.row(i));
    };
    gather(model.user_gmf, tile.users, tile.groups, gmf_users_);
    gather(model.item_gmf, tile.items, tile.samples(), gmf_items_);
    gather(model.user_mlp, tile.users, tile.groups, users_);
    gather(model.item_mlp, tile.items, tile.samples(), items_);
  }

  static void fill(const ops::TrainedWeight& bias, std::int64_t rows, Rows& out) {
    Lanes* row = out.lanes_of(0);
    std::copy_n(bias.value.data, bias.value.cols, out.row(0));
    for (std::int64_t r = 1; r < rows; ++r) copy(row, out.vectors(), row + r * out.vectors());
  }

  void forward(const BatchView& tile, const ops::TrainedModel<T>& model) {
    // The user's half of the first layer, once per group.
    fill(model.pair_bias, tile.groups, user_half_);
    user_layer_.forward(users_, tile.groups, user_half_);
    for (std::int64_t g = 0; g < tile.groups; ++g)
      for (std::int64_t s = g * tile.group_size; s < (g + 1) * tile.group_size; ++s)
        copy(user_half_.lanes_of(g), user_half_.vectors(), activations_[0].lanes_of(s));
    item_layer_.forward(items_, tile.samples(), activations_[0]);
    activate(tile, 0);
    for (std::size_t i = 0; i < hidden_.size(); ++i) {
      fill(model.hidden_bias[i], tile.samples(), activations_[i + 1]);
      hidden_[i].forward(activations_[i], tile.samples(), activations_[i + 1]);
      activate(tile, i + 1);
    }
  }

  // relu and dropout
  void activate(const BatchView& tile, std::size_t layer) {
    Lanes* values = activations_[layer].lanes_of(0);
    const std::int64_t vectors = activations_[layer].vectors(), samples = tile.samples();
    if (!dropout_.active()) {
      for (std::int64_t i = 0; i < samples * vectors; ++i) values[i] = where_positive(values[i], values[i]);
      return;
    }
    DropoutBits& bits = dropout_bits_[layer];
    const auto threshold = static_cast<std::uint16_t>(dropout_.threshold);
    std::int64_t g = 0, in_group = 0;
    for (std::int64_t first = 0; first < samples; first += bits.rows_per_tile()) {
      const std::int64_t count = std::min(bits.rows_per_tile(), samples - first);
      bits.generate(count, [&](std::int64_t) {
        const std::uint64_t id = tile.ids[g] + static_cast<std::uint64_t>(in_group);
        if (++in_group == tile.group_size) in_group = 0, ++g;
        return id;
      });
      for (std::int64_t r = 0; r < count; ++r) {
        const std::uint16_t* random = bits.bits(r);
        for (std::int64_t v = 0; v < vectors; ++v) {
          Lanes& z = values[(first + r) * vectors + v];
          const Lanes active = where_positive(z, z * dropout_.keep_scale);
          z = dropout_.unit_bits() == 1 ? where_set(random[v], active)
                                        : where_at_least(random + v * lanes, threshold, active);
        }
      }
    }
  }

  // The final layer and the loss, forward and backward.
  void head(const BatchView& tile, const ops::TrainedModel<T>& model, const NarrowPlaces& places,
            float factor) {
    const std::int64_t samples = tile.samples(), gmf = head_gmf_.vectors(), mlp = head_mlp_.vectors();
    const std::int64_t gmf_place = users_.vectors();  // in the rows of gradients
    const Lanes *head_gmf = head_gmf_.lanes_of(0), *head_mlp = head_mlp_.lanes_of(0);
    const Lanes* h = mlp > 0 ? activations_.back().lanes_of(0) : nullptr;
    const float bias = model.head_bias.value.data[0];
    float *logits = logits_.row(0), *dlogits = dlogits_.row(0);
    for (std::int64_t g = 0; g < tile.groups; ++g) {
      Lanes* weighted = weighted_users_.lanes_of(g);
      for (std::int64_t v = 0; v < gmf; ++v) weighted[v] = head_gmf[v] * gmf_users_.lanes_of(g)[v];
      for (std::int64_t s = g * tile.group_size; s < (g + 1) * tile.group_size; ++s) {
        Lanes products = {};
        for (std::int64_t v = 0; v < gmf; ++v) products += weighted[v] * gmf_items_.lanes_of(s)[v];
        for (std::int64_t v = 0; v < mlp; ++v) products += head_mlp[v] * h[s * mlp + v];
        logits[s] = bias + sum_of(products);
      }
    }
    loss_and_gradient(logits, tile.labels, factor, samples, dlogits, losses_);
    auto* gmf_sum = reinterpret_cast<Lanes*>(sums() + places.head_gmf.offset);
    auto* mlp_sum = reinterpret_cast<Lanes*>(sums() + places.head_mlp.offset);
    for (std::int64_t v = 0; v < mlp; ++v) {
      const Lanes weight = head_mlp[v] * dropout_.keep_scale;
      Lanes sum = mlp_sum[v], *dh = gradients_.back().lanes_of(0);
      for (std::int64_t s = 0; s < samples; ++s) {
        const Lanes& active = h[s * mlp + v];
        sum += dlogits[s] * active;
        dh[s * mlp + v] = where_positive(active, dlogits[s] * weight);
      }
      mlp_sum[v] = sum;
    }
    for (std::int64_t g = 0; g < tile.groups; ++g) {
      for (std::int64_t v = 0; v < gmf; ++v) {
        // The group's sum of d_s q_i serves both the user's and the weight's gradient.
        const Lanes weighted = weighted_users_.lanes_of(g)[v];
        Lanes sum = {};
        for (std::int64_t s = g * tile.group_size; s < (g + 1) * tile.group_size; ++s) {
          sum += dlogits[s] * gmf_items_.lanes_of(s)[v];
          item_gradients_.lanes_of(s)[gmf_place + v] = dlogits[s] * weighted;
        }
        user_gradients_.lanes_of(g)[gmf_place + v] = head_gmf[v] * sum;
        gmf_sum[v] += gmf_users_.lanes_of(g)[v] * sum;
      }
    }
  }

  void backward(const BatchView& tile, const NarrowPlaces& places) {
    const std::int64_t samples = tile.samples();
    const auto sum = [&](const NarrowPlace& place) {
      return reinterpret_cast<Lanes*>(sums() + place.offset);
    };
    for (std::size_t i = hidden_.size(); i-- > 0;) {
      Rows& dz = gradients_[i + 1];
      add_rows(dz.lanes_of(0), samples, dz.vectors(), sum(places.hidden_bias[i]));
      hidden_[i].backward(dz, activations_[i], samples, gradients_[i], sum(places.hidden_weight[i]));
      mask_by_activity(activations_[i].row(0), dropout_.keep_scale, gradients_[i].row(0),
                       samples * gradients_[i].stride());
    }
    Rows& dz = gradients_[0];
    for (std::int64_t g = 0; g < tile.groups; ++g) {
      std::fill_n(group_sums_.row(g), group_sums_.stride(), 0.0f);
      add_rows(dz.lanes_of(g * tile.group_size), tile.group_size, dz.vectors(), group_sums_.lanes_of(g));
    }
    add_rows(group_sums_.lanes_of(0), tile.groups, dz.vectors(), sum(places.pair_bias));
    user_layer_.backward(group_sums_, users_, tile.groups, user_mlp_gradients_, sum(places.pair_user));
    item_layer_.backward(dz, items_, samples, item_mlp_gradients_, sum(places.pair_item));
    for (std::int64_t g = 0; g < tile.groups; ++g)
      copy(user_mlp_gradients_.lanes_of(g), users_.vectors(), user_gradients_.lanes_of(g));
    for (std::int64_t s = 0; s < samples; ++s)
      copy(item_mlp_gradients_.lanes_of(s), items_.vectors(), item_gradients_.lanes_of(s));
  }

  std::int64_t factors_, embedding_, tile_groups_;
  NarrowLayer user_layer_, item_layer_;
  std::vector<NarrowLayer> hidden_;
  Rows head_gmf_, head_mlp_;
  Rows gmf_users_, weighted_users_, gmf_items_;
  Rows users_, user_mlp_gradients_, user_gradients_, items_, item_mlp_gradients_, item_gradients_;
  Rows user_half_, group_sums_;
  std::vector<Rows> activations_, gradients_;  // from the first layer on
  Rows logits_, dlogits_;
  Rows sums_;
  double losses_[2] = {0, 0};  // the loss, the gradient of the final layer's bias
  Dropout dropout_;
  std::vector<DropoutBits> dropout_bits_;  // by layer
  RowOutbox user_outbox_, item_outbox_;
};

}  // namespace neumf::cpu
