#include "matmul.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "context_impl.hpp"
#include "neumf/core/error.hpp"

namespace neumf::cuda {
namespace {

constexpr int candidates = 8;
constexpr int timed_runs = 3;

// In bytes; 0 of a null pointer.
int alignment_of(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  return static_cast<int>(std::min<std::uintptr_t>(256, address & (~address + 1)));
}

CudaMatmulKey key_of(const Context<Cuda>& context, const Product& p) {
  return {p.m,
          p.n,
          p.k,
          p.transpose_a,
          p.transpose_b,
          p.accumulate,
          context.settings().allow_tf32 && p.in == CUDA_R_32F,
          p.in,
          p.out,
          static_cast<int>(p.epilogue),
          alignment_of(p.a),
          alignment_of(p.b),
          alignment_of(p.c),
          alignment_of(p.bias),
          alignment_of(p.mask)};
}

template <class Value>
void set(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  NEUMF_CUDA(cublasLtMatmulDescSetAttribute(product, attribute, &value, sizeof(value)));
}

template <class Value>
void set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute,
         const Value& value) {
  NEUMF_CUDA(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof(value)));
}

LtLayout layout(int type, std::int64_t rows, std::int64_t cols) {
  cublasLtMatrixLayout_t handle = nullptr;
  NEUMF_CUDA(cublasLtMatrixLayoutCreate(&handle, static_cast<cudaDataType_t>(type),
                                        static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(cols),
                                        rows));
  return LtLayout(handle);
}

cublasLtEpilogue_t library_epilogue(Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::bias_relu:
      return CUBLASLT_EPILOGUE_RELU_BIAS;
    case Epilogue::mask:
      return CUBLASLT_EPILOGUE_DRELU;
    case Epilogue::bias_gradient:
      return CUBLASLT_EPILOGUE_BGRADB;
    default:
      return CUBLASLT_EPILOGUE_DEFAULT;
  }
}

// The arguments of an epilogue, which change from call to call.
void set_epilogue_pointers(const CudaMatmul& matmul, const Product& p) {
  if (p.bias != nullptr) set(matmul.product.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
  if (p.mask != nullptr) {
    set(matmul.product.get(), CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, p.mask);
    set(matmul.product.get(), CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, p.mask_stride);
  }
}

// The library thinks in columns: a row-major matrix is its transpose there. So it is asked for
// c^T [n, m] = op(b)^T op(a)^T, with our b as its first operand.
void describe(const CudaMatmulKey& key, CudaMatmul& matmul) {
  cublasLtMatmulDesc_t product = nullptr;
  const auto compute = key.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  NEUMF_CUDA(cublasLtMatmulDescCreate(&product, compute, CUDA_R_32F));
  matmul.product.reset(product);
  set(product, CUBLASLT_MATMUL_DESC_TRANSA, key.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(product, CUBLASLT_MATMUL_DESC_TRANSB, key.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(product, CUBLASLT_MATMUL_DESC_EPILOGUE, library_epilogue(static_cast<Epilogue>(key.epilogue)));
  matmul.a = key.transpose_b ? layout(key.in, key.k, key.n) : layout(key.in, key.n, key.k);
  matmul.b = key.transpose_a ? layout(key.in, key.m, key.k) : layout(key.in, key.k, key.m);
  matmul.c = layout(key.out, key.n, key.m);
}

cublasStatus_t run(Context<Cuda>& context, const CudaMatmul& matmul, const cublasLtMatmulAlgo_t& algorithm,
                   const Product& p, void* out) {
  auto& impl = context.impl();
  const float beta = p.accumulate ? 1.0f : 0.0f;
  return cublasLtMatmul(impl.blas.get(), matmul.product.get(), &p.alpha, p.b, matmul.a.get(), p.a,
                        matmul.b.get(), &beta, p.c, matmul.c.get(), out, matmul.c.get(), &algorithm,
                        impl.workspace.data(), impl.workspace.bytes(), context.stream());
}

// Says so before anything is submitted. Any other status is a fault of ours, INVALID_VALUE included.
bool does_not_run(cublasStatus_t status) {
  return status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_ARCH_MISMATCH;
}

// The candidates in the order in which the library believes in them.
std::vector<cublasLtMatmulAlgo_t> suggestions(Context<Cuda>& context, const CudaMatmulKey& key,
                                              const CudaMatmul& matmul) {
  auto& impl = context.impl();
  cublasLtMatmulPreference_t handle = nullptr;
  NEUMF_CUDA(cublasLtMatmulPreferenceCreate(&handle));
  const LtPreference preference(handle);
  set(handle, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, impl.workspace.bytes());
  // Rows of 13 half numbers begin at odd addresses: say what holds.
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<std::uint32_t>(key.alignment_b));
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<std::uint32_t>(key.alignment_a));
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<std::uint32_t>(key.alignment_c));
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<std::uint32_t>(key.alignment_c));
  std::array<cublasLtMatmulHeuristicResult_t, candidates> results{};
  int found = 0;
  const auto status = cublasLtMatmulAlgoGetHeuristic(impl.blas.get(), matmul.product.get(), matmul.a.get(),
                                                     matmul.b.get(), matmul.c.get(), matmul.c.get(), handle,
                                                     candidates, results.data(), &found);
  if (does_not_run(status)) return {};
  NEUMF_CUDA(status);
  std::vector<cublasLtMatmulAlgo_t> algorithms;
  for (int i = 0; i < found; ++i)
    if (results[static_cast<std::size_t>(i)].state == CUBLAS_STATUS_SUCCESS)
      algorithms.push_back(results[static_cast<std::size_t>(i)].algo);
  return algorithms;
}

// The fastest candidate, timed on the operands themselves. A product that adds to its result is timed into
// spare memory.
cublasLtMatmulAlgo_t fastest(Context<Cuda>& context, const std::vector<cublasLtMatmulAlgo_t>& algorithms,
                             const CudaMatmul& matmul, const Product& p) {
  Tensor<std::uint8_t, Cuda> spare;
  void* out = p.c;
  if (p.accumulate) {
    spare = Tensor<std::uint8_t, Cuda>(p.m * p.n * (p.out == CUDA_R_32F ? 4 : 2));
    out = spare.data();
  }
  const Event begin = make_event(cudaEventDefault), end = make_event(cudaEventDefault);
  const cublasLtMatmulAlgo_t* best = &algorithms.front();
  float best_time = INFINITY;
  for (const auto& algorithm : algorithms) {
    // Once to load the kernel, which also tells whether the algorithm runs at all.
    const cublasStatus_t status = run(context, matmul, algorithm, p, out);
    if (does_not_run(status)) continue;
    check(status, "cublasLtMatmul");
    NEUMF_CUDA(cudaEventRecord(begin.get(), context.stream()));
    for (int i = 0; i < timed_runs; ++i) check(run(context, matmul, algorithm, p, out), "cublasLtMatmul");
    NEUMF_CUDA(cudaEventRecord(end.get(), context.stream()));
    NEUMF_CUDA(cudaEventSynchronize(end.get()));
    float time = 0;
    NEUMF_CUDA(cudaEventElapsedTime(&time, begin.get(), end.get()));
    if (time < best_time) {
      best_time = time;
      best = &algorithm;
    }
  }
  return *best;
}

CudaMatmul& prepared(Context<Cuda>& context, const Product& p) {
  auto& impl = context.impl();
  const CudaMatmulKey key = key_of(context, p);
  const bool may_time = context.settings().tune_products && !context.capturing();
  auto found = impl.matmuls.find(key);
  if (found == impl.matmuls.end()) {
    CudaMatmul fresh;
    describe(key, fresh);
    found = impl.matmuls.emplace(key, std::move(fresh)).first;
  } else if (found->second.tuned || !found->second.supported || !may_time) {
    return found->second;
  }
  CudaMatmul& matmul = found->second;
  set_epilogue_pointers(matmul, p);
  const auto algorithms = suggestions(context, key, matmul);
  matmul.supported = !algorithms.empty();
  matmul.algorithms = algorithms;
  if (!matmul.supported) return matmul;
  // Too small for a choice to matter.
  const double operations =
      2.0 * static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  const bool worth_timing = algorithms.size() > 1 && operations > 1e7;
  if (may_time && worth_timing)
    matmul.algorithms.insert(matmul.algorithms.begin(), fastest(context, algorithms, matmul, p));
  matmul.tuned = may_time || !worth_timing;
  return matmul;
}

}  // namespace

bool multiply(Context<Cuda>& context, const Product& p) {
  CudaMatmul& matmul = prepared(context, p);
  set_epilogue_pointers(matmul, p);
  // What the library suggests need not run.
  while (!matmul.algorithms.empty()) {
    const cublasStatus_t status = run(context, matmul, matmul.algorithms.front(), p, p.c);
    if (status == CUBLAS_STATUS_SUCCESS) return true;
    if (!does_not_run(status)) check(status, "cublasLtMatmul");
    matmul.algorithms.erase(matmul.algorithms.begin());
  }
  matmul.supported = false;
  require(p.epilogue != Epilogue::none,
          "cuBLASLt has no algorithm for a matrix product of m {}, n {}, k {} on this GPU", p.m, p.n, p.k);
  return false;
}

}  // namespace neumf::cuda
