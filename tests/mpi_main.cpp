// The main function of test programs that run under mpirun: every rank runs every test, the program fails if
// a test failed on any rank, and passing ranks other than the first are silent. One for GPUs is skipped where
// there is none.
#include <gtest/gtest.h>
#include <mpi.h>
#ifdef NEUMF_TEST_CUDA
#include "neumf/core/context.hpp"
#endif

namespace {

class OnlyFailures : public testing::EmptyTestEventListener {
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    std::fprintf(stderr, "rank %d: %s:%d: %s\n", rank, result.file_name(), result.line_number(),
                 result.summary());
  }
};

}  // namespace

int main(int argc, char** argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  testing::InitGoogleTest(&argc, argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
#ifdef NEUMF_TEST_CUDA
  constexpr int skipped = 77;
  if (neumf::Context<neumf::Cuda>::device_count() == 0) {
    if (rank == 0) std::puts("skipped: there is no GPU");
    MPI_Finalize();
    return skipped;
  }
#endif
  if (rank != 0) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new OnlyFailures);
  }
  int failed = RUN_ALL_TESTS();
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Finalize();
  return failed;
}
