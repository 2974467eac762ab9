#!/usr/bin/env bash
# Describes the machine and the programs, as the first lines of every report: bench/machine.sh
#   BIN   directory of the programs; default: build/bin
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
bin=${BIN:-$root/build/bin}

# First value of a field of /proc/cpuinfo or lscpu.
cpu_field() { sed -n "/^$1[[:space:]]*: /{s///p;q}" /proc/cpuinfo; }

vector=$(cpu_field flags | tr ' ' '\n' | grep -xE 'avx2|avx512f|avx512_bf16|avx512_fp16|amx_bf16' | tr '\n' ' ' || true)
printf '%-12s %s\n' date "$(date -u +%Y-%m-%dT%H:%MZ)"
printf '%-12s %s, %s processors\n' CPU "$(cpu_field 'model name')" "$(nproc)"
printf '%-12s %s\n' vectors "${vector:-none known}"
printf '%-12s %s GiB\n' memory "$(awk '/^MemTotal/ { printf "%.1f", $2 / 1048576 }' /proc/meminfo)"
printf '%-12s %s\n' load "$(cut -d' ' -f1-3 /proc/loadavg)"
printf '%-12s %s\n' kernel "$(uname -sr)"
[[ ! -r /etc/os-release ]] || printf '%-12s %s\n' system "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)"
compiler=$(command -v c++ || true)
[[ -z $compiler ]] || printf '%-12s %s\n' compiler "$("$compiler" --version | sed -n 1p)"
if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2>/dev/null |
    while read -r line; do printf '%-12s %s\n' GPU "$line"; done || true
fi
[[ ! -x $bin/neumf ]] || "$bin/neumf" --version
if git -C "$root" rev-parse --short HEAD >/dev/null 2>&1; then
  printf '%-12s %s%s\n' commit "$(git -C "$root" rev-parse --short HEAD)" \
    "$([[ -z $(git -C "$root" status --porcelain --untracked-files=no) ]] || echo ', with changes')"
fi
