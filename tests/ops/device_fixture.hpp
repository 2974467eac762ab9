// What the tests of operations share: every test is written once and runs for each (device, type) in the
// lists below. Host data are double arrays whose values the type represents exactly; nothing here
// dereferences device memory.
#pragma once

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/core/types.hpp"
#include "neumf/ops/batch.hpp"
#include "ops/reference/array.hpp"

namespace neumf::ops {}

namespace neumf::test {

using namespace ops;  // what is tested
using reference::Array;
using reference::Index;
using reference::Result;

// How to get at a device: whether this machine has one, and a context on it.
template <class Device>
struct DeviceTraits;

template <>
struct DeviceTraits<Cpu> {
  static bool available() { return true; }
  // Three threads split most sizes unevenly, on any number of cores.
  static std::unique_ptr<Context<Cpu>> make_context() { return std::make_unique<Context<Cpu>>(3); }
};

#ifdef NEUMF_WITH_CUDA
template <>
struct DeviceTraits<Cuda> {
  static bool available() { return Context<Cuda>::device_count() > 0; }
  static std::unique_ptr<Context<Cuda>> make_context() { return std::make_unique<Context<Cuda>>(0); }
};
#endif

template <class DeviceTag, class Type>
struct Case {
  using Device = DeviceTag;
  using T = Type;
};

#ifdef NEUMF_WITH_CUDA
using AllCases = testing::Types<Case<Cpu, float>, Case<Cpu, bfloat16>, Case<Cpu, float16>, Case<Cuda, float>,
                                Case<Cuda, bfloat16>, Case<Cuda, float16>>;
using DeviceCases = testing::Types<Case<Cpu, float>, Case<Cuda, float>>;
#else
using AllCases = testing::Types<Case<Cpu, float>, Case<Cpu, bfloat16>, Case<Cpu, float16>>;
using DeviceCases = testing::Types<Case<Cpu, float>>;  // for operations that know no type
#endif

struct CaseNames {
  template <class C>
  static std::string GetName(int /*index*/) {
    return std::string(C::Device::name) + "_" + TypeName<typename C::T>::value;
  }
};

// Largest relative error of rounding to the type, and absolute error where it has no normal numbers left.
template <class T>
inline constexpr double unit_roundoff = 0x1p-24;
template <>
inline constexpr double unit_roundoff<bfloat16> = 0x1p-8;
template <>
inline constexpr double unit_roundoff<float16> = 0x1p-11;
template <class T>
inline constexpr double underflow = FLT_MIN;  // subnormal floats may be flushed
template <>
inline constexpr double underflow<float16> = 0x1p-25;

template <class T>
double rounded(double value) {
  return to_float(from_float<T>(static_cast<float>(value)));
}

// Normal random values, exact in T.
template <class T>
Array random_array(Index rows, Index cols, std::uint64_t seed, double scale = 1.0) {
  std::mt19937_64 generator(seed * 1000003u + static_cast<std::uint64_t>(rows * 131 + cols));
  std::normal_distribution<double> normal(0.0, scale);
  Array out(rows, cols);
  for (double& x : out.values) x = rounded<T>(normal(generator));
  return out;
}

// Values as a layer leaves them after ReLU and dropout: about half are exactly zero.
template <class T>
Array random_activations(Index rows, Index cols, std::uint64_t seed) {
  Array out = random_array<T>(rows, cols, seed);
  for (double& x : out.values) x = std::max(x, 0.0);
  return out;
}

inline std::vector<std::uint32_t> random_ids(Index n, Index rows, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::vector<std::uint32_t> out(static_cast<std::size_t>(n));
  for (auto& id : out) id = static_cast<std::uint32_t>(generator() % static_cast<std::uint64_t>(rows));
  return out;
}

// Ids spread over more than 32 bits; both ends of the tables occur.
inline reference::Batch random_batch(Index groups, Index group_size, Index users, Index items,
                                     std::uint64_t seed) {
  reference::Batch batch{
      groups, group_size, random_ids(groups, users, seed), random_ids(groups * group_size, items, seed + 1),
      {},     {}};
  std::mt19937_64 generator(seed + 2);
  for (Index g = 0; g < groups; ++g) batch.ids.push_back(generator() >> 20);
  for (Index s = 0; s < batch.samples(); ++s)
    batch.labels.push_back(static_cast<std::uint8_t>(generator() >> 63));
  if (groups > 0) {
    batch.users.front() = 0;
    batch.users.back() = static_cast<std::uint32_t>(users - 1);
    batch.items.front() = static_cast<std::uint32_t>(items - 1);
    batch.items.back() = 0;
  }
  return batch;
}

// |got - want| against what rounding explains. A sum of n terms in fp32 may be off by n * 2^-24 of its
// magnitude at worst; since the errors are not correlated, 4 (sqrt(n) + 1) * 2^-24 is not reached in practice
// (Higham and Mary, "A New Approach to Probabilistic Rounding Error Analysis", SISC 2019), and still tells a
// sum with one term missing. On top comes rounding to the storage type U.
template <class U>
void expect_close(const Array& got, const Result& want, const char* what) {
  ASSERT_EQ(got.size(), want.value.size()) << what;
  const double sum_error = 4.0 * (std::sqrt(static_cast<double>(want.terms)) + 1.0) * 0x1p-24;
  int failures = 0;
  for (Index i = 0; i < got.size() && failures < 5; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const double bound = sum_error * want.magnitude.values[at] +
                         1.01 * unit_roundoff<U> * want.rounded.values[at] + underflow<U>;
    const double error = std::fabs(got.values[at] - want.value.values[at]);
    if (!(error <= bound)) {
      ++failures;
      ADD_FAILURE() << what << "[" << i / std::max<Index>(got.cols, 1) << ", "
                    << i % std::max<Index>(got.cols, 1) << "] = " << got.values[at] << ", want "
                    << want.value.values[at] << " within " << bound << ", off by " << error;
    }
  }
}

inline void expect_equal(const Array& got, const Array& want, const char* what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < got.values.size(); ++i)
    ASSERT_EQ(got.values[i], want.values[i]) << what << " at " << i;
}

template <class C>
class OpTest : public testing::Test {
 protected:
  using Device = typename C::Device;
  using T = typename C::T;

  // The batch on the device.
  struct DeviceBatch {
    Tensor<std::uint32_t, Device> users, items;
    Tensor<std::uint64_t, Device> ids;
    Tensor<std::uint8_t, Device> labels;
    Index groups, group_size;
    BatchView view() const {
      return {groups,       static_cast<std::int32_t>(group_size), users.data(), items.data(), ids.data(),
              labels.data()};
    }
  };

  void SetUp() override {
    if (!DeviceTraits<Device>::available())
      GTEST_SKIP() << "this machine has no " << Device::name << " device";
    context_ = DeviceTraits<Device>::make_context();
  }

  Context<Device>& context() { return *context_; }

  // Values travel as bytes, so that any trivially copyable type can be sent.
  template <class U>
  Tensor<U, Device> to_device(const std::vector<U>& host, Index cols = 1) {
    Tensor<U, Device> tensor(static_cast<Index>(host.size()) / cols, cols);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(host.data());
    upload(context(), std::span<const std::uint8_t>(bytes, tensor.bytes()),
           reinterpret_cast<std::uint8_t*>(tensor.data()));
    return tensor;
  }
  template <class U>
  std::vector<U> to_host(const Tensor<U, Device>& tensor) {
    std::vector<U> host(static_cast<std::size_t>(tensor.size()));
    download(context(), reinterpret_cast<const std::uint8_t*>(tensor.data()),
             std::span<std::uint8_t>(reinterpret_cast<std::uint8_t*>(host.data()), tensor.bytes()));
    return host;
  }

  // An array as a tensor of U.
  template <class U>
  Tensor<U, Device> send(const Array& array) {
    std::vector<U> host;
    host.reserve(array.values.size());
    for (const double x : array.values) host.push_back(from_float<U>(static_cast<float>(x)));
    Tensor<U, Device> tensor(array.rows, array.cols);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(host.data());
    upload(context(), std::span<const std::uint8_t>(bytes, tensor.bytes()),
           reinterpret_cast<std::uint8_t*>(tensor.data()));
    return tensor;
  }
  template <class U>
  Array fetch(const Tensor<U, Device>& tensor) {
    Array out(tensor.rows(), tensor.cols());
    const std::vector<U> host = to_host(tensor);
    for (std::size_t i = 0; i < host.size(); ++i) {
      if constexpr (std::is_same_v<U, double>)
        out.values[i] = host[i];
      else
        out.values[i] = to_float(host[i]);
    }
    return out;
  }

  DeviceBatch send_batch(const reference::Batch& batch) {
    return {to_device(batch.users),  to_device(batch.items), to_device(batch.ids),
            to_device(batch.labels), batch.groups,           batch.group_size};
  }

 private:
  std::unique_ptr<Context<Device>> context_;
};

template <class U, class Device>
Matrix<const U> view(const Tensor<U, Device>& tensor) {
  return tensor.matrix();
}

}  // namespace neumf::test
