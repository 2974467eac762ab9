// cuBLASLt's interface with its rules, and matrix products as plain loops.
//
// Like the library, it offers several algorithms for a product, of which some need workspace, some rely on
// the alignment that the caller has stated, and some fail when they are run. They add up in different orders.
#include <cublasLt.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "access.hpp"
#include "fault.hpp"
#include "neumf/core/types.hpp"
#include "queue.hpp"

struct cublasLtContext {};

namespace neumf::simulation {
namespace {

template <class Own, class Opaque>
Own& own(Opaque* opaque) {
  static_assert(sizeof(Own) <= sizeof(Opaque));
  return *reinterpret_cast<Own*>(opaque);
}

struct Layout {
  cudaDataType_t type;
  std::uint64_t rows, cols;
  std::int64_t ld;
};
struct Description {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  cublasOperation_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* bias = nullptr;
  const void* aux = nullptr;
  std::int64_t aux_ld = 0;
};
struct Preference {
  std::uint64_t workspace = 0;
  std::uint32_t alignment[4] = {256, 256, 256, 256};  // of A, B, C, D
};
// What an algorithm relies on.
struct Algorithm {
  std::int32_t id = 0;
  std::uint32_t alignment[4] = {};
  std::uint32_t epilogue_alignment = 1;  // of the bias or the mask
  std::uint64_t workspace = 0;
  std::int32_t parts = 1;  // into which sums are split
  std::int32_t fails = 0;  // when it is run
};

// Everything that a product was asked for.
struct Request {
  Description description;
  Layout a, b, c, d;
};

std::size_t size_of(cudaDataType_t type) {
  return type == CUDA_R_32F ? 4 : 2;
}

template <class Value>
cublasStatus_t set_value(Value& to, const void* from, std::size_t bytes) {
  if (bytes != sizeof(Value))
    return refuse(CUBLAS_STATUS_INVALID_VALUE, "an attribute of {} bytes was set from {} bytes",
                  sizeof(Value), bytes);
  std::memcpy(&to, from, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

bool is_mask(cublasLtEpilogue_t epilogue) {
  return epilogue == CUBLASLT_EPILOGUE_DRELU;
}

// The epilogue's operand, which is not described but set before an algorithm is asked for.
std::uintptr_t epilogue_operand(const Description& p) {
  if (p.epilogue == CUBLASLT_EPILOGUE_DEFAULT) return 0;
  return reinterpret_cast<std::uintptr_t>(is_mask(p.epilogue) ? p.aux : p.bias);
}

std::string fault_of(const Request& r) {
  const auto& p = r.description;
  const std::uint64_t m = p.transpose_a == CUBLAS_OP_N ? r.a.rows : r.a.cols;
  const std::uint64_t k = p.transpose_a == CUBLAS_OP_N ? r.a.cols : r.a.rows;
  const std::uint64_t k_of_b = p.transpose_b == CUBLAS_OP_N ? r.b.rows : r.b.cols;
  const std::uint64_t n = p.transpose_b == CUBLAS_OP_N ? r.b.cols : r.b.rows;
  if (k != k_of_b || r.c.rows != m || r.c.cols != n || r.d.rows != m || r.d.cols != n)
    return fmt::format("A is {} x {} and B {} x {} as they are multiplied, C {} x {}, D {} x {}", m, k,
                       k_of_b, n, r.c.rows, r.c.cols, r.d.rows, r.d.cols);
  if (m == 0 || n == 0 || k == 0) return "an empty matrix";
  for (const Layout* layout : {&r.a, &r.b, &r.c, &r.d})
    if (layout->ld < static_cast<std::int64_t>(layout->rows))
      return fmt::format("a leading dimension of {} for {} rows", layout->ld, layout->rows);
  if (r.a.type != r.b.type || r.c.type != r.d.type || p.scale != CUDA_R_32F ||
      (r.d.type != r.a.type && r.d.type != CUDA_R_32F))
    return "a combination of types that is not supported";
  if (is_mask(p.epilogue)) {
    if (p.aux_ld % 128 != 0 || p.aux_ld < static_cast<std::int64_t>(m))
      return fmt::format("EPILOGUE_AUX_LD {} for {} rows: it must be a multiple of 128 and not smaller",
                         p.aux_ld, m);
  }
  return {};
}

float element(cudaDataType_t type, const void* data, std::int64_t i) {
  if (type == CUDA_R_32F) return static_cast<const float*>(data)[i];
  if (type == CUDA_R_16F) return to_float(static_cast<const float16*>(data)[i]);
  return to_float(static_cast<const bfloat16*>(data)[i]);
}

void set_element(cudaDataType_t type, void* data, std::int64_t i, float value) {
  if (type == CUDA_R_32F)
    static_cast<float*>(data)[i] = value;
  else if (type == CUDA_R_16F)
    static_cast<float16*>(data)[i] = from_float<float16>(value);
  else
    static_cast<bfloat16*>(data)[i] = from_float<bfloat16>(value);
}

// Ten bits of mantissa, to nearest.
float as_tf32(float value) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7F800000u) != 0x7F800000u) bits += 0xFFFu + (bits >> 13 & 1u);
  return std::bit_cast<float>(bits & 0xFFFFE000u);
}

std::int64_t span_of(const Layout& layout) {
  return layout.ld * static_cast<std::int64_t>(layout.cols - 1) + static_cast<std::int64_t>(layout.rows);
}

// op(matrix) with its columns one after the other.
std::vector<float> columns(const Layout& layout, const void* data, bool transposed, bool tf32) {
  const auto rows = static_cast<std::int64_t>(layout.rows), cols = static_cast<std::int64_t>(layout.cols);
  std::vector<float> out(static_cast<std::size_t>(rows * cols));
  for (std::int64_t j = 0; j < cols; ++j)
    for (std::int64_t i = 0; i < rows; ++i) {
      const float value = element(layout.type, data, j * layout.ld + i);
      out[static_cast<std::size_t>(transposed ? i * cols + j : j * rows + i)] = tf32 ? as_tf32(value) : value;
    }
  return out;
}

struct Operands {
  float alpha, beta;
  const void *a, *b, *c;
  void *d, *workspace;
};

void multiply(const Request& r, const Operands& o, const Algorithm& algorithm) {
  const auto& p = r.description;
  const auto touch = [](const Layout& layout, const void* data, bool written) {
    access(data, static_cast<std::size_t>(span_of(layout)) * size_of(layout.type), written);
  };
  touch(r.a, o.a, false);
  touch(r.b, o.b, false);
  if (o.beta != 0) touch(r.c, o.c, false);
  const auto m = static_cast<std::int64_t>(r.d.rows), n = static_cast<std::int64_t>(r.d.cols);
  const auto k = static_cast<std::int64_t>(p.transpose_a == CUBLAS_OP_N ? r.a.cols : r.a.rows);
  if (is_mask(p.epilogue)) access(p.aux, static_cast<std::size_t>(p.aux_ld / 8 * n), false);
  if (algorithm.workspace > 0) {
    access(o.workspace, algorithm.workspace, true);
    std::memset(o.workspace, 0xFF, algorithm.workspace);
    access(o.workspace, algorithm.workspace, false);
  }
  const bool tf32 = p.compute == CUBLAS_COMPUTE_32F_FAST_TF32 && r.a.type == CUDA_R_32F;
  const auto a = columns(r.a, o.a, p.transpose_a != CUBLAS_OP_N, tf32);
  const auto b = columns(r.b, o.b, p.transpose_b != CUBLAS_OP_N, tf32);
  std::vector<float> sums(static_cast<std::size_t>(m)), part(static_cast<std::size_t>(m));
  for (std::int64_t j = 0; j < n; ++j) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    float column_sum = 0;
    for (int q = 0; q < algorithm.parts; ++q) {
      std::fill(part.begin(), part.end(), 0.0f);
      for (std::int64_t l = k * q / algorithm.parts; l < k * (q + 1) / algorithm.parts; ++l) {
        const float factor = b[static_cast<std::size_t>(j * k + l)];
        column_sum += factor;
        const float* column = a.data() + l * m;
        for (std::int64_t i = 0; i < m; ++i) part[static_cast<std::size_t>(i)] += factor * column[i];
      }
      for (std::int64_t i = 0; i < m; ++i)
        sums[static_cast<std::size_t>(i)] += part[static_cast<std::size_t>(i)];
    }
    for (std::int64_t i = 0; i < m; ++i) {
      float value = o.alpha * sums[static_cast<std::size_t>(i)];
      if (o.beta != 0) value += o.beta * element(r.c.type, o.c, j * r.c.ld + i);
      if (p.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS)
        value = std::max(value + element(r.d.type, p.bias, i), 0.0f);
      if (is_mask(p.epilogue)) {
        const std::int64_t bit = j * p.aux_ld + i;
        if ((static_cast<const std::uint8_t*>(p.aux)[bit / 8] >> (bit % 8) & 1) == 0) value = 0;
      }
      set_element(r.d.type, o.d, j * r.d.ld + i, value);
    }
    if (p.epilogue == CUBLASLT_EPILOGUE_BGRADB) set_element(r.d.type, p.bias, j, column_sum);
  }
  touch(r.d, o.d, true);
  if (p.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS)
    access(p.bias, static_cast<std::size_t>(m) * size_of(r.d.type), false);
  if (p.epilogue == CUBLASLT_EPILOGUE_BGRADB)
    access(p.bias, static_cast<std::size_t>(n) * size_of(r.d.type), true);
}

const char* name_of(cublasLtEpilogue_t epilogue) {
  return epilogue == CUBLASLT_EPILOGUE_RELU_BIAS ? "cublasLtMatmul with bias and ReLU"
         : epilogue == CUBLASLT_EPILOGUE_DRELU   ? "cublasLtMatmul with mask"
         : epilogue == CUBLASLT_EPILOGUE_BGRADB  ? "cublasLtMatmul with bias gradient"
                                                 : "cublasLtMatmul";
}

// Whether the library has anything for the epilogue: drawn from the seed, since it differs between versions.
bool offers(const Request& r) {
  if (r.description.epilogue == CUBLASLT_EPILOGUE_DEFAULT) return true;
  if (setting("NEUMF_SIM_FUSED", -1) >= 0) return setting("NEUMF_SIM_FUSED", 1) != 0;
  const auto seed = static_cast<std::uint64_t>(setting("NEUMF_SIM_SEED", 1));
  return (seed * 2654435761u + r.d.rows * 31 + r.description.epilogue) % 4 != 0;
}

}  // namespace
}  // namespace neumf::simulation

using namespace neumf::simulation;

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cublasLtContext;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
const char* cublasLtGetStatusString(cublasStatus_t /*status*/) {
  return last_reason().c_str();
}
const char* cublasLtGetStatusName(cublasStatus_t status) {
  return status == CUBLAS_STATUS_INVALID_VALUE   ? "CUBLAS_STATUS_INVALID_VALUE"
         : status == CUBLAS_STATUS_NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED"
                                                 : "cublasStatus_t";
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  *description = new cublasLtMatmulDescOpaque_t{};
  auto& value = own<Description>(*description);
  value = {};
  value.compute = compute;
  value.scale = scale;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
  delete description;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              std::size_t bytes) {
  auto& to = own<Description>(description);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return set_value(to.transpose_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return set_value(to.transpose_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return set_value(to.epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return set_value(to.bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER:
      return set_value(to.aux, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD:
      return set_value(to.aux_ld, value, bytes);
    default:
      return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "attribute {} of a product is not simulated",
                    static_cast<int>(attribute));
  }
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type,
                                          std::uint64_t rows, std::uint64_t cols, std::int64_t ld) {
  *layout = new cublasLtMatrixLayoutOpaque_t{};
  own<Layout>(*layout) = {type, rows, cols, ld};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new cublasLtMatmulPreferenceOpaque_t{};
  own<Preference>(*preference) = {};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, std::size_t bytes) {
  auto& to = own<Preference>(preference);
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return set_value(to.workspace, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      return set_value(to.alignment[0], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      return set_value(to.alignment[1], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      return set_value(to.alignment[2], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return set_value(to.alignment[3], value, bytes);
    default:
      return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "preference {} is not simulated",
                    static_cast<int>(attribute));
  }
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t /*handle*/, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int requested,
                                              cublasLtMatmulHeuristicResult_t* results, int* found) {
  const std::lock_guard lock(queue().mutex());
  *found = 0;
  const Request request{own<Description>(description), own<Layout>(a), own<Layout>(b), own<Layout>(c),
                        own<Layout>(d)};
  if (const auto why = fault_of(request); !why.empty())
    return refuse(CUBLAS_STATUS_INVALID_VALUE, "cublasLtMatmulAlgoGetHeuristic: {}", why);
  if (!offers(request)) return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "no algorithm has this epilogue");
  const auto& limits = own<Preference>(preference);
  const std::uint64_t spare = request.d.rows * request.d.cols * 4 * 2;
  // NEUMF_SIM_FAILING: how many of the first algorithms fail when they are run (-1: the third alone).
  const long failing = setting("NEUMF_SIM_FAILING", -1);
  for (int i = 0; i < std::min(requested, 4); ++i) {
    Algorithm algorithm;
    algorithm.id = i + 1;
    std::copy(std::begin(limits.alignment), std::end(limits.alignment), algorithm.alignment);
    if (const auto operand = epilogue_operand(request.description); operand != 0)
      algorithm.epilogue_alignment =
          static_cast<std::uint32_t>(std::min<std::uintptr_t>(16, operand & -operand));
    algorithm.parts = i == 1 ? 2 : 1;
    algorithm.workspace = i == 1 ? spare : 0;
    algorithm.fails = failing < 0 ? i == 2 : i < failing;
    if (algorithm.workspace > limits.workspace) continue;
    auto& result = results[(*found)++];
    result = {};
    own<Algorithm>(&result.algo) = algorithm;
    result.workspaceSize = algorithm.workspace;
    result.state = CUBLAS_STATUS_SUCCESS;
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t /*handle*/, cublasLtMatmulDesc_t description,
                              const void* alpha, const void* a, cublasLtMatrixLayout_t a_layout,
                              const void* b, cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algo, void* workspace, std::size_t workspace_bytes,
                              cudaStream_t stream) {
  const std::lock_guard lock(queue().mutex());
  queue().called();
  const Request request{own<Description>(description), own<Layout>(a_layout), own<Layout>(b_layout),
                        own<Layout>(c_layout), own<Layout>(d_layout)};
  const auto invalid = [](const std::string& why) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, "cublasLtMatmul: {}", why);
  };
  if (const auto why = fault_of(request); !why.empty()) return invalid(why);
  if (algo == nullptr)
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "a product without an algorithm is not simulated");
  if (!queue().owns(stream)) return invalid("the stream does not exist");
  Algorithm algorithm;
  algorithm = own<const Algorithm>(algo);
  if (algorithm.id == 0) return invalid("an algorithm that the library has not given out");
  const void* operands[4] = {a, b, c, d};
  for (int i = 0; i < 4; ++i)
    if (algorithm.alignment[i] == 0 ||
        reinterpret_cast<std::uintptr_t>(operands[i]) % algorithm.alignment[i] != 0)
      return invalid(fmt::format("{} at {} is not aligned to {} bytes, which the algorithm was promised",
                                 "ABCD"[i], operands[i], algorithm.alignment[i]));
  if (c == d && request.c.ld != request.d.ld) return invalid("C and D are one, with two leading dimensions");
  const auto epilogue = request.description.epilogue;
  if (is_mask(epilogue) && request.description.aux == nullptr)
    return invalid("the mask's pointer is not set");
  if (epilogue != CUBLASLT_EPILOGUE_DEFAULT && !is_mask(epilogue) && request.description.bias == nullptr)
    return invalid("the bias's pointer is not set");
  if (epilogue_operand(request.description) % algorithm.epilogue_alignment != 0)
    return invalid(
        fmt::format("the epilogue's operand is not aligned to {} bytes, as the one was for which the "
                    "algorithm was chosen",
                    algorithm.epilogue_alignment));
  if (algorithm.workspace > workspace_bytes || (algorithm.workspace > 0 && workspace == nullptr))
    return invalid(fmt::format("the algorithm needs {} bytes of workspace, and has {}", algorithm.workspace,
                               workspace_bytes));
  if (reinterpret_cast<std::uintptr_t>(workspace) % 256 != 0) return invalid("the workspace is not aligned");
  if (algorithm.fails != 0)
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmul: algorithm {} does not run on this GPU",
                  algorithm.id);
  Work work;
  work.name = name_of(epilogue);
  for (const void* pointer : {a, b, c, static_cast<const void*>(d)}) work.pointers.push_back(pointer);
  if (epilogue != CUBLASLT_EPILOGUE_DEFAULT && !is_mask(epilogue))
    work.pointers.push_back(request.description.bias);
  if (is_mask(epilogue)) work.pointers.push_back(request.description.aux);
  const Operands values{
      *static_cast<const float*>(alpha), *static_cast<const float*>(beta), a, b, c, d, workspace};
  work.run = [=](Run& /*run*/) {
    multiply(request, values, algorithm);
    return true;
  };
  return queue().submit(stream, std::move(work)) == cudaSuccess ? CUBLAS_STATUS_SUCCESS
                                                                : CUBLAS_STATUS_EXECUTION_FAILED;
}
