#!/usr/bin/env bash
# Installs the build into a fresh prefix and builds a program against it with find_package(neumf).
set -euo pipefail
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >/dev/null
cat >"$work/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C CXX)
find_package(neumf REQUIRED)
add_executable(consumer consumer.cpp)
target_link_libraries(consumer PRIVATE neumf::neumf)
CMAKE
cp "$here/consumer.cpp" "$work/"
cmake -S "$work" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/build"
"$work/build/consumer"
"$work/prefix/bin/neumf" --version
"$work/prefix/bin/neumf-preprocess" --version
