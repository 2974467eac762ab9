#include "neumf/ops/narrow.hpp"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "activation.hpp"
#include "dropout.hpp"
#include "loss.hpp"
#include "narrow_layer.hpp"
#include "row_owner.hpp"
#include "vector.hpp"

namespace neumf::ops {
namespace {

using cpu::Lanes;
using cpu::lanes;
using cpu::padded;
using cpu::Rows;
using cpu::sum_of;
using cpu::where_at_least;
using cpu::where_positive;
using cpu::where_set;

// What all activations of a tile take is to fit into a first-level cache.
constexpr std::int64_t tile_samples = 64;

// A row of a table. Copied in place: a call for a few dozen bytes takes longer than they do.
template <class T>
void copy_row(const T* row, std::int64_t width, float* out) {
  if constexpr (std::is_same_v<T, float>) {
    std::int64_t i = 0;
    for (; i + 8 <= width; i += 8) std::memcpy(out + i, row + i, 8 * sizeof(float));
    for (; i < width; ++i) out[i] = row[i];
  } else {
    cpu::widen(row, out, static_cast<std::size_t>(width));
  }
}

// The two embedding tables of the users or of the items, where gradients are added.
struct Tables {
  Matrix<float> mlp, gmf;

  void ask_for(std::uint32_t row) const {
    cpu::prefetch(mlp.row(row), mlp.cols);
    cpu::prefetch(gmf.row(row), gmf.cols);
  }
  // `gradient`: of the MLP's row, padded to whole vectors, and of GMF's.
  void add(std::uint32_t row, const float* gradient) const {
    cpu::add(mlp.row(row), gradient, mlp.cols);
    cpu::add(gmf.row(row), gradient + padded(mlp.cols), gmf.cols);
  }
};

// Which thread adds to a row: no atomics, and sums that do not depend on timing.
struct Owner {
  std::uint32_t thread, threads;
  bool operator()(std::uint32_t row) const { return cpu::owner(row, threads) == thread; }
};

// Adds to the rows that `owner` owns.
void add_own(const std::uint32_t* ids, std::int64_t count, Rows& values, const Tables& tables, Owner owner) {
  const auto owned = [&](std::int64_t i) { return owner(ids[i]); };
  cpu::for_wanted(count, owned, [&](const std::uint32_t* own, std::int64_t n) {
    constexpr std::int64_t ahead = 4;
    for (std::int64_t j = 0; j < n; ++j) {
      if (j + ahead < n) tables.ask_for(ids[own[j + ahead]]);
      tables.add(ids[own[j]], values.row(own[j]));
    }
  });
}

// Gradients of rows that other threads own.
class Outbox {
 public:
  // Empties it, for at most `capacity` rows like those of `rows`.
  void reserve(std::int64_t capacity, const Rows& rows) {
    count_ = 0;
    if (static_cast<std::size_t>(capacity) <= ids_.size()) return;
    ids_.resize(static_cast<std::size_t>(capacity));
    values_ = Rows(capacity, rows.stride());
  }
  void put(std::uint32_t id, Rows& from, std::int64_t row) {
    ids_[static_cast<std::size_t>(count_)] = id;
    cpu::copy(from.lanes_of(row), values_.vectors(), values_.lanes_of(count_));
    ++count_;
  }
  void add(const Tables& tables, Owner owner) { add_own(ids_.data(), count_, values_, tables, owner); }

 private:
  std::vector<std::uint32_t> ids_;
  Rows values_{0, 0};
  std::int64_t count_ = 0;
};

// A weight's gradient among the sums of a thread, which lie behind each other in the layout of Rows.
struct Place {
  std::int64_t offset = 0;
  NarrowWeight weight;
};

// The weights whose gradients are summed over samples, all but the tables and the final layer's bias.
struct Places {
  std::int64_t size = 0;  // first, since the others add to it
  Place head_gmf, head_mlp, pair_user, pair_item, pair_bias;
  std::vector<Place> hidden_weight, hidden_bias;

  template <class T>
  explicit Places(const NarrowModel<T>& model)
      : head_gmf(place(model.head_gmf)),
        head_mlp(place(model.head_mlp)),
        pair_user(place(model.pair_user)),
        pair_item(place(model.pair_item)),
        pair_bias(place(model.pair_bias)) {
    for (const auto& weight : model.hidden_weight) hidden_weight.push_back(place(weight));
    for (const auto& bias : model.hidden_bias) hidden_bias.push_back(place(bias));
  }
  // Adds the sums to the gradients.
  void add(float* sums) const {
    for (const Place* p : {&head_gmf, &head_mlp, &pair_user, &pair_item, &pair_bias}) add(*p, sums);
    for (const auto* group : {&hidden_weight, &hidden_bias})
      for (const Place& p : *group) add(p, sums);
  }

 private:
  Place place(const NarrowWeight& weight) {
    const std::int64_t offset = size;
    size += padded(weight.value.rows, cpu::row_block) * padded(weight.value.cols);
    return {offset, weight};
  }
  static void add(const Place& p, const float* sums) {
    const auto& gradient = p.weight.gradient;
    for (std::int64_t r = 0; r < gradient.rows; ++r)
      cpu::add(gradient.row(r), sums + p.offset + r * padded(gradient.cols), gradient.cols);
  }
};

// A thread's layers, tile and sums.
template <class T>
class Worker {
 public:
  Worker(const NarrowModel<T>& model, const Places& places, std::int64_t tile_groups, std::int32_t group_size)
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
  void begin(const NarrowModel<T>& model, const Dropout& dropout) {
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
  void run(const BatchView& batch, const NarrowModel<T>& model, const Places& places, float factor,
           std::int64_t first, std::int64_t last, Owner owner) {
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
  void receive(Worker& other, const NarrowModel<T>& model, Owner owner) {
    other.user_outbox_.add(user_tables(model), owner);
    other.item_outbox_.add(item_tables(model), owner);
  }

  float* sums() { return sums_.row(0); }
  double loss() const { return losses_[0]; }
  double bias_gradient() const { return losses_[1]; }

 private:
  static Tables user_tables(const NarrowModel<T>& model) {
    return {model.user_mlp.gradient, model.user_gmf.gradient};
  }
  static Tables item_tables(const NarrowModel<T>& model) {
    return {model.item_mlp.gradient, model.item_gmf.gradient};
  }
  static void hand_over(const std::uint32_t* ids, std::int64_t count, Rows& gradients, const Tables& tables,
                        Owner owner, Outbox& outbox) {
    add_own(ids, count, gradients, tables, owner);
    if (owner.threads == 1) return;
    const auto others = [&](std::int64_t i) { return !owner(ids[i]); };
    cpu::for_wanted(count, others, [&](const std::uint32_t* rows, std::int64_t n) {
      for (std::int64_t j = 0; j < n; ++j) outbox.put(ids[rows[j]], gradients, rows[j]);
    });
  }

  // Rows in random order are what the processor cannot foresee.
  static void ask_for(const BatchView& batch, const NarrowModel<T>& model, std::int64_t first,
                      std::int64_t last) {
    const auto ask = [](const NarrowTable<T>& table, std::uint32_t row) {
      cpu::prefetch(table.rows.row(row), table.rows.cols);
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

  void gather(const BatchView& tile, const NarrowModel<T>& model) {
    const auto gather = [](const NarrowTable<T>& table, const std::uint32_t* ids, std::int64_t n, Rows& out) {
      const std::int64_t width = table.rows.cols;
      for (std::int64_t i = 0; i < n; ++i) copy_row(table.rows.row(ids[i]), width, out.row(i));
    };
    gather(model.user_gmf, tile.users, tile.groups, gmf_users_);
    gather(model.item_gmf, tile.items, tile.samples(), gmf_items_);
    gather(model.user_mlp, tile.users, tile.groups, users_);
    gather(model.item_mlp, tile.items, tile.samples(), items_);
  }

  static void fill(const NarrowWeight& bias, std::int64_t rows, Rows& out) {
    Lanes* row = out.lanes_of(0);
    std::copy_n(bias.value.data, bias.value.cols, out.row(0));
    for (std::int64_t r = 1; r < rows; ++r) cpu::copy(row, out.vectors(), row + r * out.vectors());
  }

  void forward(const BatchView& tile, const NarrowModel<T>& model) {
    // The user's half of the first layer, once per group.
    fill(model.pair_bias, tile.groups, user_half_);
    user_layer_.forward(users_, tile.groups, user_half_);
    for (std::int64_t g = 0; g < tile.groups; ++g)
      for (std::int64_t s = g * tile.group_size; s < (g + 1) * tile.group_size; ++s)
        cpu::copy(user_half_.lanes_of(g), user_half_.vectors(), activations_[0].lanes_of(s));
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
    cpu::DropoutBits& bits = dropout_bits_[layer];
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
  void head(const BatchView& tile, const NarrowModel<T>& model, const Places& places, float factor) {
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
    cpu::loss_and_gradient(logits, tile.labels, factor, samples, dlogits, losses_);
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

  void backward(const BatchView& tile, const Places& places) {
    const std::int64_t samples = tile.samples();
    const auto sum = [&](const Place& place) { return reinterpret_cast<Lanes*>(sums() + place.offset); };
    for (std::size_t i = hidden_.size(); i-- > 0;) {
      Rows& dz = gradients_[i + 1];
      cpu::add_rows(dz.lanes_of(0), samples, dz.vectors(), sum(places.hidden_bias[i]));
      hidden_[i].backward(dz, activations_[i], samples, gradients_[i], sum(places.hidden_weight[i]));
      cpu::mask_by_activity(activations_[i].row(0), dropout_.keep_scale, gradients_[i].row(0),
                            samples * gradients_[i].stride());
    }
    Rows& dz = gradients_[0];
    for (std::int64_t g = 0; g < tile.groups; ++g) {
      std::fill_n(group_sums_.row(g), group_sums_.stride(), 0.0f);
      cpu::add_rows(dz.lanes_of(g * tile.group_size), tile.group_size, dz.vectors(), group_sums_.lanes_of(g));
    }
    cpu::add_rows(group_sums_.lanes_of(0), tile.groups, dz.vectors(), sum(places.pair_bias));
    user_layer_.backward(group_sums_, users_, tile.groups, user_mlp_gradients_, sum(places.pair_user));
    item_layer_.backward(dz, items_, samples, item_mlp_gradients_, sum(places.pair_item));
    for (std::int64_t g = 0; g < tile.groups; ++g)
      cpu::copy(user_mlp_gradients_.lanes_of(g), users_.vectors(), user_gradients_.lanes_of(g));
    for (std::int64_t s = 0; s < samples; ++s)
      cpu::copy(item_mlp_gradients_.lanes_of(s), items_.vectors(), item_gradients_.lanes_of(s));
  }

  std::int64_t factors_, embedding_, tile_groups_;
  cpu::NarrowLayer user_layer_, item_layer_;
  std::vector<cpu::NarrowLayer> hidden_;
  Rows head_gmf_, head_mlp_;
  Rows gmf_users_, weighted_users_, gmf_items_;
  Rows users_, user_mlp_gradients_, user_gradients_, items_, item_mlp_gradients_, item_gradients_;
  Rows user_half_, group_sums_;
  std::vector<Rows> activations_, gradients_;  // from the first layer on
  Rows logits_, dlogits_;
  Rows sums_;
  double losses_[2] = {0, 0};  // the loss, the gradient of the final layer's bias
  Dropout dropout_;
  std::vector<cpu::DropoutBits> dropout_bits_;  // by layer
  Outbox user_outbox_, item_outbox_;
};

}  // namespace

template <class T>
class NarrowStep<T>::Team {
 public:
  Team(const NarrowModel<T>& model, std::int32_t group_size)
      : places_(model), tile_groups_(std::max<std::int64_t>(tile_samples / group_size, 1)) {}

  void run(Context<Cpu>& context, const BatchView& batch, const NarrowModel<T>& model, const Dropout& dropout,
           float loss_weight, StepState* state) {
    const std::int64_t tiles = (batch.groups + tile_groups_ - 1) / tile_groups_;
    const auto threads = static_cast<int>(std::clamp<std::int64_t>(tiles, 1, context.threads()));
    while (workers_.size() < static_cast<std::size_t>(threads))
      workers_.emplace_back(model, places_, tile_groups_, batch.group_size);
    const float factor = loss_weight * state->loss_scale;
#pragma omp parallel num_threads(threads)
    {
      const int thread = omp_get_thread_num();
      Worker<T>& worker = workers_[static_cast<std::size_t>(thread)];
      worker.begin(model, dropout);
      const Owner owner{static_cast<std::uint32_t>(thread), static_cast<std::uint32_t>(threads)};
      worker.run(batch, model, places_, factor, batch.groups * thread / threads,
                 batch.groups * (thread + 1) / threads, owner);
#pragma omp barrier
      for (int other = 0; other < threads; ++other)
        if (other != thread) worker.receive(workers_[static_cast<std::size_t>(other)], model, owner);
      add_sums(thread, threads);
    }
    places_.add(workers_[0].sums());
    double loss = 0, bias_gradient = 0;
    for (int thread = 0; thread < threads; ++thread) {
      loss += workers_[static_cast<std::size_t>(thread)].loss();
      bias_gradient += workers_[static_cast<std::size_t>(thread)].bias_gradient();
    }
    state->loss += loss;
    model.head_bias.gradient.data[0] += static_cast<float>(bias_gradient);
  }

 private:
  // Adds a part of the sums of all threads to those of the first.
  void add_sums(int thread, int threads) {
    const std::int64_t vectors = places_.size / lanes;
    const std::int64_t begin = vectors * thread / threads * lanes,
                       end = vectors * (thread + 1) / threads * lanes;
    for (int other = 1; other < threads; ++other)
      cpu::add(workers_[0].sums() + begin, workers_[static_cast<std::size_t>(other)].sums() + begin,
               end - begin);
  }

  Places places_;
  std::int64_t tile_groups_;
  std::vector<Worker<T>> workers_;
};

template <class T>
NarrowStep<T>::NarrowStep(const NarrowModel<T>& model, std::int32_t group_size)
    : team_(std::make_unique<Team>(model, group_size)) {}

template <class T>
NarrowStep<T>::~NarrowStep() = default;

template <class T>
void NarrowStep<T>::run(Context<Cpu>& context, const BatchView& batch, const NarrowModel<T>& model,
                        const Dropout& dropout, float loss_weight, StepState* state) {
  team_->run(context, batch, model, dropout, loss_weight, state);
}

template class NarrowStep<float>;
template class NarrowStep<bfloat16>;
template class NarrowStep<float16>;

}  // namespace neumf::ops
