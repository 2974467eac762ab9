// The time of a message as latency + bytes / bandwidth.
#pragma once

#include <algorithm>
#include <cmath>
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

// Least squares of the relative errors, so that small messages count as much as large ones. Neither term is
// let below zero: where the best line has a negative one, that term is zero and the other is fitted alone.
inline LineFit fit_line(const std::vector<Point>& points) {
  double n = 0, x = 0, xx = 0, y = 0, xy = 0;  // weighted by 1 / seconds^2
  for (const auto& p : points) {
    const double w = 1 / (p.seconds * p.seconds);
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
  LineFit fit{latency, per_byte > 0 ? 1 / per_byte : std::numeric_limits<double>::infinity(), 0};
  for (const auto& p : points)
    fit.largest_error =
        std::max(fit.largest_error, std::fabs(latency + per_byte * p.bytes - p.seconds) / p.seconds);
  return fit;
}

}  // namespace neumf::bench
