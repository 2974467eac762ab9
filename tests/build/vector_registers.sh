#!/usr/bin/env bash
# Whether only the kernels of a level use its registers: %ymm those of v3 and v4, %zmm and masks those of v4.
#
#   vector_registers.sh PROGRAM     of a portable build, with its symbols
set -euo pipefail
objdump -d --no-show-raw-insn "$1" | awk '
  BEGIN { level = 9 }  # what stands before the first function
  /^[0-9a-f]+ <.*>:$/ { name = substr($2, 2, length($2) - 3); level = name ~ /\.v4$/ ? 4 : name ~ /\.v3$/ ? 3 : 2; next }
  { used = /%zmm|%k[0-7]|%[xy]mm(1[6-9]|2[0-9]|3[01])/ ? 4 : /%ymm/ ? 3 : 2 }
  used > level { if (!(name in found)) { found[name]; print "for x86-64-v" used ": " name; ++wrong } }
  { if (used > most[level]) most[level] = used }
  END {
    if (most[3] != 3 || most[4] != 4) { print "no kernels for v3 or v4 found"; ++wrong }
    exit wrong > 0
  }'
