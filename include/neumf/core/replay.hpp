// Running what is submitted again and again from step to step.
//
// On a GPU a sequence of operations runs once as it is, is recorded at its second use and replayed from then
// on, which spares the host the cost of launching every kernel. On a CPU it just runs.
//
// What ranks do together stays outside the recordings: NCCL wants a collective to be recorded on all ranks or
// on none, and replayed from one recording on all, but ranks meet a shape for the first time at different
// steps. So a recording is a list of pieces with host calls between them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "neumf/core/context.hpp"

#ifdef NEUMF_WITH_CUDA
#include "neumf/core/cuda_graph.hpp"
#endif

namespace neumf {

template <class Device>
class Replay;

template <>
class Replay<Cpu> {
 public:
  explicit Replay(bool /*enabled*/) {}
  template <class Work>
  void run(Context<Cpu>& /*context*/, std::uint64_t /*key*/, const Work& work) {
    work();
  }
  template <class Call>
  void outside(Context<Cpu>& /*context*/, const Call& call) {
    call();
  }
};

#ifdef NEUMF_WITH_CUDA
template <>
class Replay<Cuda> {
 public:
  explicit Replay(bool enabled) : enabled_(enabled) {}

  // Runs `work`, whose shapes and by-value arguments follow from `key`. Apart from what it gives to outside()
  // it only submits to the stream (see core/cuda_graph.hpp for the rules).
  template <class Work>
  void run(Context<Cuda>& context, std::uint64_t key, const Work& work) {
    if (!enabled_) {
      work();
      return;
    }
    Entry& entry = entries_[key];
    if (!entry.ran) {
      work();
      entry.ran = true;
    } else if (!entry.recorded) {
      record(context, entry, work);
    } else {
      for (Piece& piece : entry.pieces) {
        piece.graph.replay(context);
        if (piece.after) piece.after();
      }
    }
  }

  // Within `work`: runs `call` between two pieces of the recording, at every use.
  void outside(Context<Cuda>& context, std::function<void()> call) {
    if (recording_ == nullptr) {
      call();
      return;
    }
    end_piece(context);
    call();
    recording_->pieces[pieces_done_++].after = std::move(call);
    begin_piece(context);
  }

 private:
  struct Piece {
    CudaGraph graph;
    std::function<void()> after;
  };
  struct Entry {
    bool ran = false;
    bool recorded = false;
    std::vector<Piece> pieces;
  };

  // Records `work` piece by piece, each of which runs as soon as it is recorded.
  template <class Work>
  void record(Context<Cuda>& context, Entry& entry, const Work& work) {
    recording_ = &entry;
    pieces_done_ = 0;
    begin_piece(context);
    try {
      work();
      end_piece(context);
    } catch (...) {
      entry.pieces[pieces_done_].graph.abandon(context);
      recording_ = nullptr;
      throw;
    }
    entry.pieces[pieces_done_].after = {};
    entry.pieces.resize(pieces_done_ + 1);
    entry.recorded = true;
    recording_ = nullptr;
  }
  void begin_piece(Context<Cuda>& context) {
    auto& pieces = recording_->pieces;
    if (pieces.size() == pieces_done_) pieces.emplace_back();
    pieces[pieces_done_].graph.begin(context);
  }
  void end_piece(Context<Cuda>& context) {
    CudaGraph& graph = recording_->pieces[pieces_done_].graph;
    graph.end(context);
    graph.replay(context);
  }

  bool enabled_;
  std::map<std::uint64_t, Entry> entries_;
  Entry* recording_ = nullptr;
  std::size_t pieces_done_ = 0;  // of the one that is being recorded
};
#endif

}  // namespace neumf
