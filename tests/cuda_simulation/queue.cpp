#include "queue.hpp"

#include <algorithm>
#include <utility>

#include "access.hpp"
#include "graph.hpp"
#include "memory.hpp"
#include "pinned.hpp"

namespace neumf::simulation {

Queue& queue() {
  static auto* one = new Queue;
  return *one;
}

std::string running_work() {
  return queue().running();
}

Queue::Queue() : left_to_live_(setting("NEUMF_SIM_LOST", -1)) {
  reset(static_cast<unsigned>(setting("NEUMF_SIM_SEED", 1)));
}

void Queue::reset(unsigned seed) {
  random_.seed(seed);
  // Some schedules run nearly everything at once, others nothing before the host waits.
  eagerness_ = std::vector{0.0, 0.1, 0.5, 0.9}[random_() % 4];
  lost_ = cudaSuccess;
  for (auto* stream : streams_) stream->items.clear();
}

cudaStream_t Queue::make_stream() {
  auto* stream = new CUstream_st;
  stream->number = ++streams_made_;
  streams_.insert(stream);
  return stream;
}

void Queue::destroy_stream(cudaStream_t stream) {
  // As in CUDA, what was submitted still runs; here at once.
  static_cast<void>(finish(stream));
  streams_.erase(stream);
  delete stream;
}

std::uint32_t Queue::strand(CUstream_st& stream, std::uint32_t chain) {
  while (stream.strands.size() <= chain) {
    stream.strands.push_back(strands_++);
    stream.ticks.push_back(0);
  }
  return stream.strands[chain];
}

cudaError_t Queue::submit(cudaStream_t stream, Work work) {
  if (lost_ != cudaSuccess) return lost_;
  auto shared = std::make_shared<const Work>(std::move(work));
  if (stream->capture != nullptr) return stream->capture->add(*stream, std::move(shared));
  return submit_graph(stream, std::make_shared<const std::vector<Node>>(1, Node{std::move(shared), {}, 0}));
}

cudaError_t Queue::submit_graph(cudaStream_t stream, const Nodes& nodes) {
  if (left_to_live_ >= 0 && left_to_live_-- == 0)
    lost_ = refuse(cudaErrorLaunchFailure, "the GPU has failed, as NEUMF_SIM_LOST asks");
  if (lost_ != cudaSuccess) return lost_;
  CUstream_st::Item item;
  item.nodes = nodes;
  item.left = nodes->size();
  item.done.resize(nodes->size());
  item.runs.resize(nodes->size());
  stream->clock.join(host_);
  const VectorClock base = stream->clock;
  for (std::size_t i = 0; i < nodes->size(); ++i) {
    const Node& node = (*nodes)[i];
    Run& run = item.runs[i];
    run.moment.strand = strand(*stream, node.chain);
    run.moment.tick = ++stream->ticks[node.chain];
    run.moment.before = base;
    for (const std::size_t other : node.after) {
      run.moment.before.join(item.runs[other].moment.before);
      run.moment.before.set(item.runs[other].moment.strand, item.runs[other].moment.tick);
    }
    stream->clock.set(run.moment.strand, run.moment.tick);
    const Work& work = *node.work;
    if (work.pinned != nullptr) pinned().begin(work.pinned, work.writes_pinned, run.moment, work.name);
    if (checks_accesses()) names_[std::uint64_t{run.moment.strand} << 32 | run.moment.tick] = work.name;
  }
  stream->items.push_back(std::move(item));
  let_some_run();
  return lost_;
}

std::string Queue::name_at(std::uint32_t strand, std::uint32_t tick) const {
  const auto found = names_.find(std::uint64_t{strand} << 32 | tick);
  return found == names_.end() ? "earlier work" : found->second;
}

void Queue::record(cudaStream_t stream, CUevent_st& event) {
  stream->clock.join(host_);
  event.record = std::make_shared<EventRecord>();
  event.record->before = stream->clock;
  CUstream_st::Item item;
  item.record = event.record;
  stream->items.push_back(std::move(item));
  let_some_run();
}

void Queue::wait(cudaStream_t stream, const std::shared_ptr<EventRecord>& record) {
  stream->clock.join(record->before);
  CUstream_st::Item item;
  item.wait = record;
  stream->items.push_back(std::move(item));
}

std::vector<Queue::Choice> Queue::choices() {
  std::vector<Choice> found;
  for (CUstream_st* stream : streams_) {
    auto& items = stream->items;
    std::size_t passed = 0;
    for (; passed < items.size(); ++passed) {
      if (items[passed].record != nullptr) {
        items[passed].record->done = true;
        items[passed].record->time = time_;
      } else if (items[passed].wait == nullptr || !items[passed].wait->done) {
        break;
      }
    }
    items.erase(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(passed));
    if (items.empty() || items.front().wait != nullptr) continue;
    const auto& item = items.front();
    for (std::size_t i = 0; i < item.nodes->size(); ++i) {
      const auto& after = (*item.nodes)[i].after;
      if (item.done[i] == 0 &&
          std::all_of(after.begin(), after.end(), [&](std::size_t k) { return item.done[k] != 0; }))
        found.push_back({stream, i});
    }
  }
  // By number, so that a seed means the same in every process.
  std::sort(found.begin(), found.end(), [](const Choice& a, const Choice& b) {
    return std::pair(a.stream->number, a.node) < std::pair(b.stream->number, b.node);
  });
  return found;
}

bool Queue::advance_one(const Choice& choice) {
  auto& item = choice.stream->items.front();
  const WorkPtr work = (*item.nodes)[choice.node].work;
  bool done = false;
  {
    const DeviceAccess access;
    running_ = work->name;
    const std::size_t faults_before = faults().size();
    begin_accesses(*work, item.runs[choice.node]);
    try {
      done = work->run(item.runs[choice.node]);
    } catch (const std::exception& error) {
      fault("{}: {}", work->name, error.what());
    }
    end_accesses(done);
    running_.clear();
    if (faults().size() > faults_before) {
      lost_ = refuse(cudaErrorLaunchFailure, "{}", faults().back());
      for (auto* stream : streams_) stream->items.clear();
      return true;
    }
  }
  if (!done) return false;
  time_ += 0.001 + std::uniform_real_distribution<>(0, 0.01)(random_);
  item.done[choice.node] = 1;
  if (--item.left == 0) choice.stream->items.erase(choice.stream->items.begin());
  return true;
}

bool Queue::advance() {
  auto found = choices();
  std::shuffle(found.begin(), found.end(), random_);
  for (const Choice& choice : found)
    if (advance_one(choice)) return true;
  return false;
}

void Queue::let_some_run() {
  while (chance(eagerness_) && advance()) {
  }
}

template <class Done>
cudaError_t Queue::run_until(const Done& done) {
  while (lost_ == cudaSuccess) {
    static_cast<void>(choices());  // completes events
    if (done()) break;
    if (!advance()) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  static_cast<void>(choices());
  return lost_;
}

void Queue::host_joins(const VectorClock& clock) {
  host_.join(clock);
  pinned().end(host_);
}

cudaError_t Queue::finish(cudaStream_t stream) {
  const auto status = run_until([&] { return stream->items.empty(); });
  host_joins(stream->clock);
  return status;
}

cudaError_t Queue::finish(const std::shared_ptr<EventRecord>& record) {
  const auto status = run_until([&] { return record->done; });
  host_joins(record->before);
  return status;
}

cudaError_t Queue::finish_all() {
  const auto status = run_until([&] {
    return std::all_of(streams_.begin(), streams_.end(), [](const auto* s) { return s->items.empty(); });
  });
  for (const auto* stream : streams_) host_joins(stream->clock);
  return status;
}

template <class Done>
cudaError_t Queue::ask(const Done& done, const VectorClock& clock) {
  if (lost_ != cudaSuccess) return lost_;
  for (int i = 0; i < 16 && advance(); ++i) {
  }
  static_cast<void>(choices());
  if (lost_ != cudaSuccess) return lost_;
  if (!done()) return cudaErrorNotReady;
  host_joins(clock);
  return cudaSuccess;
}

cudaError_t Queue::query(cudaStream_t stream) {
  return ask([&] { return stream->items.empty(); }, stream->clock);
}

cudaError_t Queue::query(const std::shared_ptr<EventRecord>& record) {
  return ask([&] { return record->done; }, record->before);
}

void Queue::progress_beside_host() {
  if (std::exchange(progressing_, true)) return;
  std::thread([this] { progress(); }).detach();
}

void Queue::progress() {
  using namespace std::chrono_literals;
  for (;;) {
    std::this_thread::sleep_for(1ms);
    const std::lock_guard lock(mutex_);
    if (std::chrono::steady_clock::now() - last_call_ < 2ms) continue;
    for (int i = 0; i < 16 && lost_ == cudaSuccess && advance(); ++i) {
    }
  }
}

}  // namespace neumf::simulation
