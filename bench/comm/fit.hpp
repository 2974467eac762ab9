// The time of a message as latency + bytes / bandwidth.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace neumf::bench {

struct Point {
  double bytes = 0, seconds = 0;
};

struct LineFit {
  double latency = 0;        // s
  double bandwidth = 0;      // bytes/s
  double largest_error = 0;  // relative, of any point
};

namespace detail {

// Least squares with weights. Neither term is let below zero: where the best line has a negative one, that
// term is zero and the other is fitted alone.
inline LineFit weighted_line(const std::vector<Point>& points, const std::vector<double>& weights) {
  double n = 0, x = 0, xx = 0, y = 0, xy = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& p = points[i];
    const double w = weights[i];
    n += w;
    x += w * p.bytes;
    xx += w * p.bytes * p.bytes;
    y += w * p.seconds;
    xy += w * p.bytes * p.seconds;
  }
  const double determinant = n * xx - x * x;
  double latency = 0, per_byte = 0;
  if (determinant > 0) {
    latency = (y * xx - x * xy) / determinant;
    per_byte = (n * xy - x * y) / determinant;
  } else if (xx > 0) {
    per_byte = xy / xx;
  }
  if (latency < 0) {
    latency = 0;
    per_byte = xy / xx;
  } else if (per_byte < 0) {
    per_byte = 0;
    latency = y / n;
  }
  return {latency, per_byte > 0 ? 1 / per_byte : std::numeric_limits<double>::infinity(), 0};
}

}  // namespace detail

// The least sum of (fit - t)^2 / (fit * t): small messages count as much as large ones, and half as long is
// as wrong as twice as long. By least squares with weights from the fit before.
inline LineFit fit_line(const std::vector<Point>& points) {
  std::vector<double> weights;
  for (const auto& p : points) weights.push_back(1 / (p.seconds * p.seconds));
  LineFit fit;
  for (int round = 0; round < 30; ++round) {
    fit = detail::weighted_line(points, weights);
    fit.largest_error = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const auto& p = points[i];
      const double fitted = fit.latency + p.bytes / fit.bandwidth;
      fit.largest_error = std::max(fit.largest_error, std::fabs(fitted - p.seconds) / p.seconds);
      weights[i] = 1 / (p.seconds * fitted);
    }
  }
  return fit;
}

}  // namespace neumf::bench
