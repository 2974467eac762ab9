#include "neumf/ops/deferred_adam.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>

#include "../instantiate.hpp"
#include "adam_update.hpp"
#include "neumf/ops/step_state.hpp"
#include "row_owner.hpp"
#include "vector.hpp"

namespace neumf::ops {
namespace {

using cpu::lanes;
using cpu::Lanes;

// Then every row is brought up to date, so that the history stays in a cache.
constexpr std::size_t longest_history = 4096;

// The updates since every row was last up to date.
struct History {
  std::vector<cpu::AdamFactors> updates;
  // From this one on, an update without gradient moves a weight less than the one before did.
  std::size_t shrinks_from = 0;

  void append(const cpu::AdamFactors& f) {
    if (!updates.empty() && !(growth(updates.back(), f) <= 0.99f)) shrinks_from = updates.size();
    if (f.keep != 1.0f) shrinks_from = updates.size() + 1;  // decay goes on for ever
    updates.push_back(f);
  }

 private:
  // The most by which such a movement, m / (scale sqrt(v) + eps), grows from one update to the next: m and v
  // shrink by beta1 and beta2.
  static float growth(const cpu::AdamFactors& before, const cpu::AdamFactors& f) {
    const float divisor = std::min(std::sqrt(f.beta2) * f.root_scale / before.root_scale, f.eps / before.eps);
    return f.beta1 / divisor;
  }
};

// 16 floats of a row and of its moments, or fewer at the end of a row.
struct Piece {
  float *weight, *gradient, *m, *v;
  std::int64_t n;
};

// What `updates` updates without gradient leave of a moment, times `beta` each, bit for bit.
Lanes faded(Lanes moment, float beta, std::size_t updates) {
  int exponent = 0;
  if (std::frexp(beta, &exponent) != 0.5f) {
    for (std::size_t u = 0; u < updates; ++u) moment *= beta;
    return moment;
  }
  // A power of two: nothing is rounded on the way. Two factors, since one might be subnormal.
  const int shift = std::max((exponent - 1) * static_cast<int>(std::min<std::size_t>(updates, 252)), -252);
  return moment * std::ldexp(1.0f, shift / 2) * std::ldexp(1.0f, shift - shift / 2);
}

// Makes up for the updates from number `first` on.
template <int count>
void catch_up(const History& history, std::size_t first, const Piece* pieces) {
  Lanes w[count], m[count], v[count];
  for (int i = 0; i < count; ++i) {
    w[i] = cpu::load(pieces[i].weight, pieces[i].n);
    m[i] = cpu::load(pieces[i].m, pieces[i].n);
    v[i] = cpu::load(pieces[i].v, pieces[i].n);
  }
  std::size_t u = first;
  const std::size_t end = history.updates.size();
  for (bool moves = true; u < end && moves; ++u) {
    moves = u < history.shrinks_from;
    for (int i = 0; i < count; ++i) {
      const Lanes before = w[i];
      cpu::adam_update(history.updates[u], w[i], m[i], v[i]);
      moves |= cpu::differ(before, w[i]);
    }
  }
  for (int i = 0; i < count; ++i) {
    if (u < end) {
      m[i] = faded(m[i], history.updates[u].beta1, end - u);
      v[i] = faded(v[i], history.updates[u].beta2, end - u);
    }
    cpu::store(pieces[i].weight, pieces[i].n, w[i]);
    cpu::store(pieces[i].m, pieces[i].n, m[i]);
    cpu::store(pieces[i].v, pieces[i].n, v[i]);
  }
}

// Tables whose rows have the same numbers.
template <class T>
class Rows {
 public:
  explicit Rows(std::vector<AdamTable<T>> tables) : tables_(std::move(tables)) {
    if (!tables_.empty()) made_ = Tensor<std::uint32_t, Cpu>(tables_[0].weight.rows);
    std::ranges::fill(made_.span(), 0);
    if (!tables_.empty() && tables_[0].gradient_by_position)
      positions_ = Tensor<std::uint32_t, Cpu>(tables_[0].weight.rows);
    for (const auto& t : tables_)
      for (std::int64_t i = 0; i < t.weight.cols; i += lanes)
        places_.push_back({{t.weight.data + i, t.gradient.data + i, t.m.data + i, t.v.data + i,
                            std::min(t.weight.cols - i, lanes)},
                           t.weight.cols});
  }

  void set_threads(std::size_t threads) {
    if (prepared_.size() < threads) prepared_.resize(threads);
  }

  // Of the rows of `ids`, those that `thread` owns.
  void prepare(const History& history, std::span<const std::uint32_t> ids, std::uint32_t thread,
               std::uint32_t threads) {
    if (tables_.empty()) return;
    std::vector<std::uint32_t>& prepared = prepared_[thread].rows;
    const std::size_t old = prepared.size();
    cpu::for_wanted(
        static_cast<std::int64_t>(ids.size()),
        [&](std::int64_t i) { return cpu::owner(ids[static_cast<std::size_t>(i)], threads) == thread; },
        [&](const std::uint32_t* positions, std::int64_t n) {
          for (std::int64_t j = 0; j < n; ++j) {
            const std::uint32_t row = ids[positions[j]];
            if ((made_.data()[row] & is_prepared) != 0) continue;
            made_.data()[row] |= is_prepared;
            if (!positions_.empty()) positions_.data()[row] = positions[j];
            prepared.push_back(row);
          }
        });
    for_rows(std::span(prepared).subspan(old),
             [&](std::uint32_t row) { catch_up(history, row, made_.data()[row] & ~is_prepared); });
  }

  // Moves the rows that `thread` has prepared, as the history's last update says.
  void update(const History& history, std::uint32_t thread) {
    const cpu::AdamFactors& factors = history.updates.back();
    for_rows(prepared_[thread].rows, [&](std::uint32_t row) {
      for (const Place& place : places_) {
        const Piece p = place.of(row, gradient_row(row));
        cpu::adam_update(factors, p.n, p.weight, p.gradient, p.m, p.v);
      }
      refresh_copies(row);
      made_.data()[row] = static_cast<std::uint32_t>(history.updates.size());
    });
    prepared_[thread].rows.clear();
  }

  // Forgets the gradients of the rows that `thread` has prepared.
  void skip(const History& history, std::uint32_t thread) {
    for (const std::uint32_t row : prepared_[thread].rows) {
      for (const auto& t : tables_) std::fill_n(t.gradient.row(gradient_row(row)), t.gradient.cols, 0.0f);
      made_.data()[row] = static_cast<std::uint32_t>(history.updates.size());
    }
    prepared_[thread].rows.clear();
  }

  // A thread's part of all rows.
  void complete(const History& history, std::size_t thread, std::size_t threads) {
    const std::size_t rows = made_.span().size();
    const std::size_t begin = rows * thread / threads, end = rows * (thread + 1) / threads;
    for (std::size_t row = begin; row < end; ++row) {
      catch_up(history, static_cast<std::uint32_t>(row), made_.data()[row]);
      made_.data()[row] = 0;
    }
  }

  std::size_t bytes() const { return made_.bytes() + positions_.bytes(); }

 private:
  static constexpr std::uint32_t is_prepared = 1u << 31;

  std::uint32_t gradient_row(std::uint32_t row) const {
    return positions_.empty() ? row : positions_.data()[row];
  }

  // Calls use(row), and asks for the rows' lines before: for so many rows at once, because a line of weights
  // that another core has read takes long to come back for writing.
  template <class Use>
  void for_rows(std::span<const std::uint32_t> rows, const Use& use) const {
    constexpr std::size_t at_once = 32;
    for (std::size_t first = 0; first < rows.size(); first += at_once) {
      const auto some = rows.subspan(first, std::min(rows.size() - first, at_once));
      for (const std::uint32_t row : some)
        for (const Place& place : places_) {
          const Piece p = place.of(row, 0);
          for (const float* line : {p.weight, p.m, p.v}) __builtin_prefetch(line, 1);
        }
      for (const std::uint32_t row : some) use(row);
    }
  }

  void catch_up(const History& history, std::uint32_t row, std::size_t made) const {
    if (made == history.updates.size()) return;
    constexpr std::size_t most = 4;  // whose numbers fit into the registers
    for (std::size_t i = 0; i < places_.size(); i += most) {
      const std::size_t count = std::min(places_.size() - i, most);
      Piece pieces[most];
      for (std::size_t k = 0; k < count; ++k) pieces[k] = places_[i + k].of(row, 0);
      cpu::with_vectors(static_cast<std::int64_t>(count),
                        [&](auto vectors) { ops::catch_up<vectors()>(history, made, pieces); });
    }
    refresh_copies(row);
  }

  void refresh_copies(std::uint32_t row) const {
    for (const auto& t : tables_)
      if (t.copy.data != nullptr)
        cpu::narrow(t.weight.row(row), t.copy.row(row), static_cast<std::size_t>(t.weight.cols));
  }

  // Where the pieces of a row lie.
  struct Place {
    Piece first;          // of row 0
    std::int64_t stride;  // from row to row
    Piece of(std::uint32_t row, std::uint32_t gradient_row) const {
      const std::int64_t offset = row * stride;
      return {first.weight + offset, first.gradient + gradient_row * stride, first.m + offset,
              first.v + offset, first.n};
    }
  };

  struct alignas(64) Prepared {  // no cache line for two threads
    std::vector<std::uint32_t> rows;
  };

  std::vector<AdamTable<T>> tables_;
  std::vector<Place> places_;
  Tensor<std::uint32_t, Cpu> made_;       // updates of the history that a row has got; is_prepared
  Tensor<std::uint32_t, Cpu> positions_;  // of prepared rows, where these say which gradient is theirs
  std::vector<Prepared> prepared_;        // since the last update, by thread
};

// All tables.
template <class T>
class DeferredRows final : public DeferredAdam<Cpu, T> {
 public:
  DeferredRows(std::vector<AdamTable<T>> users, std::vector<AdamTable<T>> items)
      : users_(std::move(users)), items_(std::move(items)) {}

  bool has_tables() const override { return true; }

  void prepare(Context<Cpu>& context, std::span<const std::uint32_t> users,
               std::span<const std::uint32_t> items) override {
    on_threads(context, [&](Rows<T>& rows, std::uint32_t thread, std::uint32_t threads) {
      rows.prepare(history_, &rows == &users_ ? users : items, thread, threads);
    });
  }

  void update(Context<Cpu>& context, const AdamSpec& spec, const StepState* state) override {
    const bool skip = state->skip != 0;
    if (!skip) history_.append(cpu::AdamFactors(spec, *state));
    on_threads(context, [&](Rows<T>& rows, std::uint32_t thread, std::uint32_t) {
      if (skip)
        rows.skip(history_, thread);
      else
        rows.update(history_, thread);
    });
    if (history_.updates.size() >= longest_history) complete(context);
  }

  void complete(Context<Cpu>& context) override {
    on_threads(context, [&](Rows<T>& rows, std::uint32_t thread, std::uint32_t threads) {
      rows.complete(history_, thread, threads);
    });
    history_ = {};
  }

  std::size_t bytes() const override { return users_.bytes() + items_.bytes(); }

 private:
  // Calls run(rows, thread, threads) for the users and the items, on every thread.
  template <class Run>
  void on_threads(const Context<Cpu>& context, const Run& run) {
    const auto threads = static_cast<std::uint32_t>(context.threads());
    users_.set_threads(threads);
    items_.set_threads(threads);
#pragma omp parallel num_threads(threads)
    {
      const auto thread = static_cast<std::uint32_t>(omp_get_thread_num());
      run(users_, thread, threads);
      run(items_, thread, threads);
    }
  }

  History history_;
  Rows<T> users_, items_;
};

}  // namespace

// Where a quarter of the rows is read or more, one pass over all is faster: measured from 2 thousand to 165
// thousand rows.
template <>
bool deferring_pays<Cpu>(std::uint64_t reads, std::int64_t rows) {
  return reads > 0 && 4 * reads < static_cast<std::uint64_t>(rows);
}

template <class Device, class T>
std::unique_ptr<DeferredAdam<Device, T>> make_deferred_adam(std::vector<AdamTable<T>> users,
                                                            std::vector<AdamTable<T>> items) {
  if (users.empty() && items.empty()) return std::make_unique<DeferredAdam<Device, T>>();
  return std::make_unique<DeferredRows<T>>(std::move(users), std::move(items));
}

NEUMF_FOR_EACH_TYPE(NEUMF_DEFERRED_ADAM, Cpu)

}  // namespace neumf::ops
