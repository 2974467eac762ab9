#!/usr/bin/env bash
# Packs what gpu_check.sh runs for a machine that has a GPU, its driver and CUDA's libraries, but none of MPI, HDF5,
# Boost or oneDNN: the programs without symbols, every library that they load, and Open MPI with its plugins.
#
#   bench/gpu_pack.sh DIRECTORY     writes DIRECTORY/neumf-gpu.tar.xz and DIRECTORY/run.sh, and says how large they are
#
# There, as root, in a copy of this repository:
#   DIRECTORY/run.sh OUT            unpacks, finds CUDA's libraries, and runs bench/gpu_check.sh OUT
# docs/gpu-check.md tells how to build for it and what comes back. From the environment: BIN, as in bench/common.sh;
# LIMIT, in MiB, which the pack may not exceed; default 64.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "$0")/common.sh"
(($# == 1)) || { echo "usage: gpu_pack.sh DIRECTORY" >&2; exit 2; }
out=$1 limit=${LIMIT:-64}
need_programs neumf neumf-preprocess
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/bin"
for program in neumf neumf-preprocess cuda_test ops_bench; do
  [[ -x $BIN/$program ]] || { echo "gpu_pack.sh: without $program, which was not built" >&2; continue; }
  strip -o "$work/bin/$program" "$BIN/$program"
done

# What is there already: the C and C++ libraries, the driver's and CUDA's.
elsewhere='/(ld-linux[^/]*|libstdc\+\+|libgcc_s|lib(c|m|mvec|dl|pthread|rt|resolv)|libcuda|libcudart|libcublas[^/]*|libnccl|libnvidia[^/]*|libnvJitLink)(-[0-9.]+)?\.so'
libraries_of() { ldd "$@" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 }'; }
# Open MPI finds its plugins and its own programs by the paths of this machine, so everything keeps its path.
launcher=$(readlink -f "$(command -v mpirun)")
mpi=$(readlink -f "$(libraries_of "$BIN/neumf" | grep '/libmpi\.')")
plugins=()
for directory in "$(dirname "$mpi")/openmpi" "$(dirname "$mpi")"/{pmix,pmix2}; do
  [[ ! -d $directory ]] || plugins+=("$directory")
done
{
  libraries_of "$work"/bin/*
  for program in "$launcher" "$(command -v orted || true)"; do
    [[ -z $program ]] || { echo "$program"; readlink -f "$program"; libraries_of "$program"; }
  done
  # mpirun is a link, perhaps to a link.
  path=$(command -v mpirun)
  while [[ -L $path ]]; do
    echo "$path"
    target=$(readlink "$path")
    [[ $target == /* ]] || target=$(dirname "$path")/$target
    path=$target
  done
  for directory in "${plugins[@]}"; do
    find "$directory" \( -type f -o -type l \) -name '*.so*'
    find "$directory" -type f -name '*.so*' -exec ldd {} + 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 }'
  done
  find /usr/share/openmpi /etc/openmpi /usr/share/pmix /usr/share/pmix2 -type f 2>/dev/null || true
} | sort -u >"$work/found"
# A library under its name and under the one that it is a link to.
while read -r file; do
  echo "$file"
  readlink -f "$file"
done <"$work/found" | grep -vE "$elsewhere" | sed 's#^/##' >"$work/all"
# /lib is another name of /usr/lib on most systems.
if [[ -L /lib ]]; then sed -i 's#^lib/#usr/lib/#' "$work/all"; fi
sort -u "$work/all" >"$work/list"
# The libraries of this compiler may be newer than those there: kept beside the programs.
find "$(dirname "$(gcc -print-file-name=libstdc++.so.6)")" -maxdepth 1 -name 'libstdc++.so.6' -exec cp -L {} "$work/bin/" \;
tar -C / --no-recursion -cf "$work/pack.tar" -T "$work/list"
tar -C "$work" -rf "$work/pack.tar" bin
xz -T0 -6 <"$work/pack.tar" >"$out/neumf-gpu.tar.xz"

cat >"$out/run.sh" <<'RUN'
#!/usr/bin/env bash
# Unpacks neumf-gpu.tar.xz and runs bench/gpu_check.sh: run.sh OUT, as root, in a copy of neumf's repository.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
(($# == 1)) || { echo "usage: run.sh OUT" >&2; exit 2; }
unpacked=$(mktemp -d)
tar -C "$unpacked" -xJf "$here/neumf-gpu.tar.xz" 2>/dev/null ||
  python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$here/neumf-gpu.tar.xz" "$unpacked"
BIN=$unpacked/bin
export BIN DATA=${DATA:-$unpacked/data}
# To the paths that Open MPI looks in; nothing that is there is replaced.
(cd "$unpacked" && find usr etc lib opt \( -type f -o -type l \) 2>/dev/null) | while read -r file; do
  [[ -e /$file ]] || { mkdir -p "/$(dirname "$file")" && cp -P "$unpacked/$file" "/$file"; }
done
# A C++ library older than the programs'.
grep -q GLIBCXX_3.4.30 /usr/lib/x86_64-linux-gnu/libstdc++.so.6 2>/dev/null && rm -f "$BIN/libstdc++.so.6"
paths=$BIN
for library in libcublasLt.so libnccl.so.2; do
  ldconfig -p | grep -F "$library" >/dev/null && continue
  found=$(find / -xdev -name "$library*" -not -path '/proc/*' 2>/dev/null | head -n 1)
  [[ -z $found ]] || paths+=:$(dirname "$found")
done
ldconfig
export LD_LIBRARY_PATH=$paths${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
# No ssh, and fewer cores than ranks.
export OMPI_MCA_plm=isolated OMPI_MCA_rmaps_base_oversubscribe=1
exec "$here/../bench/gpu_check.sh" "$1"
RUN
chmod +x "$out/run.sh"
bytes=$(du -cb "$out/neumf-gpu.tar.xz" "$out/run.sh" | awk 'END { print $1 }')
awk -v b="$bytes" -v l="$limit" 'BEGIN { printf "%.1f MiB of at most %g\n", b / 1048576, l }'
((bytes <= limit * 1048576)) || { echo "gpu_pack.sh: too large; build for one GPU architecture" >&2; exit 1; }
