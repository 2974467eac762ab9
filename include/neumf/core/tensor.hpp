// Owned device memory and the views that operations take.
//
// Tensor<T, Device> owns (RAII). Matrix<T> is a non-owning row-major view of shape [rows, cols], whose data
// lie on whichever device the operation runs; hosts may not dereference a view of device memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "neumf/core/device.hpp"

namespace neumf {

// Raw memory of one device. Specialised in src/ops/cpu/memory.cpp and src/ops/cuda/memory.cu.
template <class Device>
struct Memory {
  // At least 64-byte aligned, uninitialised. Throws Error naming the size when the device has no more.
  static void* allocate(std::size_t bytes);
  static void release(void* data) noexcept;
};
template <>
void* Memory<Cpu>::allocate(std::size_t bytes);
template <>
void Memory<Cpu>::release(void* data) noexcept;
template <>
void* Memory<Cuda>::allocate(std::size_t bytes);  // on the calling thread's current GPU
template <>
void Memory<Cuda>::release(void* data) noexcept;

template <class T>
struct Matrix {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;

  NEUMF_HD T* row(std::int64_t r) const { return data + r * cols; }
  NEUMF_HD std::int64_t size() const { return rows * cols; }
  // The rows [first, first + count).
  Matrix slice(std::int64_t first, std::int64_t count) const { return {row(first), count, cols}; }
  operator Matrix<const T>() const requires(!std::is_const_v<T>) { return {data, rows, cols}; }
};

template <class T, class Device>
class Tensor {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Tensor() = default;
  explicit Tensor(std::int64_t rows, std::int64_t cols = 1)
      : data_(static_cast<T*>(Memory<Device>::allocate(static_cast<std::size_t>(rows * cols) * sizeof(T)))),
        rows_(rows),
        cols_(cols) {}
  Tensor(Tensor&& other) noexcept { swap(other); }
  Tensor& operator=(Tensor&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Tensor() { Memory<Device>::release(data_); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t cols() const { return cols_; }
  std::int64_t size() const { return rows_ * cols_; }
  std::size_t bytes() const { return static_cast<std::size_t>(size()) * sizeof(T); }
  bool empty() const { return size() == 0; }

  Matrix<T> matrix() { return {data_, rows_, cols_}; }
  Matrix<const T> matrix() const { return {data_, rows_, cols_}; }
  std::span<T> span() { return {data_, static_cast<std::size_t>(size())}; }
  std::span<const T> span() const { return {data_, static_cast<std::size_t>(size())}; }

 private:
  void swap(Tensor& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(rows_, other.rows_);
    std::swap(cols_, other.cols_);
  }

  T* data_ = nullptr;
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
};

// Of several tensors.
template <class T, class Device>
std::size_t bytes_of(std::span<const Tensor<T, Device>> tensors) {
  std::size_t bytes = 0;
  for (const auto& tensor : tensors) bytes += tensor.bytes();
  return bytes;
}

}  // namespace neumf
