#include "neumf/core/workers.hpp"

#include <omp.h>

#include <exception>

namespace neumf {

Workers<Cpu>::Workers(Context<Cpu>& context) : contexts_(static_cast<std::size_t>(context.threads())) {}

void Workers<Cpu>::run(const std::function<void(int, Context<Cpu>&)>& work) {
  std::exception_ptr failure;
#pragma omp parallel num_threads(count())
  {
    try {
      const int worker = omp_get_thread_num();
      omp_set_num_threads(1);  // of what this thread starts; the matrix library plans for as many
      auto& context = contexts_[static_cast<std::size_t>(worker)];
      if (!context) context = std::make_unique<Context<Cpu>>(1);
      work(worker, *context);
    } catch (...) {
#pragma omp critical(neumf_workers_failure)
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace neumf
