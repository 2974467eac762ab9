#!/bin/sh
# Joins the objects of kernels that were compiled once per level of processor:
#
#   kernels.sh READELF OBJCOPY FOLDER LEVEL OBJECT... LEVEL OBJECT... ...
#
# Writes FOLDER/LEVEL/PATH for each .../NAME.dir/PATH, and FOLDER/calls.S.
#
# 1. Whatever an object defines has its level added to its name: _Zfoo becomes _Zfoo.v3. So a level calls its own
#    functions, and an inline function or a template that several files contain, of which a linker keeps one, is kept
#    once per level: one with AVX-512 can never become that of code for all processors. Names of types stay, so that
#    an exception that a kernel throws is caught outside.
# 2. calls.S has the functions by their own names. Each jumps to the one at its place in the table neumf_kernels, which
#    is one of the tables neumf_kernels_of[], a level each in ascending order.
set -eu
export LC_ALL=C
readelf=$1 objcopy=$2 folder=$3
shift 3
fail() {
  echo "kernels.sh: $*" >&2
  exit 1
}

# What initialises global objects would run at the start of every program, on every processor. <iostream>, which a library
# includes, asks for std::cout in that way: that alone is left out, since kernels print nothing.
check_start() {
  "$readelf" -rW "$1" >"$folder/relocations"
  awk '
    /^Relocation section/ { section = $3 }
    section ~ /rela\.(init_array|ctors)/ && /R_X86_64/ { ++runs }
    section ~ /rela\.text\.startup/ && /R_X86_64/ {
      ++refers
      if ($5 == ".bss" || $5 == "_ZStL8__ioinit") ++objects
      else if ($5 !~ /^(_ZNSt8ios_base4Init[CD]1Ev|__dso_handle|__cxa_atexit|\.text\.startup)$/) other = 1
    }
    END { exit runs > 0 && (runs > 1 || refers == 0 || objects > 2 || other) }' "$folder/relocations" ||
    fail "$1 initialises a global object when a program starts: a kernel must not"
}

mkdir -p "$folder"
levels=
for argument in "$@"; do
  case $argument in
    v[0-9])
      level=$argument levels="$levels $argument"
      : >"$folder/$level.objects" ;;
    *) printf '%s\n' "$argument" >>"$folder/$level.objects" ;;
  esac
done

for level in $levels; do
  : >"$folder/$level.symbols"
  while read -r object; do
    check_start "$object"
    "$readelf" -sW "$object" >>"$folder/$level.symbols"
  done <"$folder/$level.objects"
  # Fields: number, value, size, type, binding, visibility, section, name. [CD]5: the name of what a constructor's or
  # destructor's variants have in common.
  awk -v level="$level" -v names="$folder/$level.names" -v calls="$folder/$level.calls" '
    BEGIN { printf "" >names; printf "" >calls }
    $1 !~ /^[0-9]+:$/ || $7 == "UND" || $8 == "" || $4 == "FILE" || $4 == "SECTION" || $8 ~ /^_ZT[IS]/ { next }
    $5 == "LOCAL" && $8 !~ /^_Z/ { next }
    !($8 in seen) { seen[$8]; print $8, $8 "." level >names }
    $4 != "FUNC" || $5 == "LOCAL" || $6 != "DEFAULT" || ($8 in called) { next }
    # Of what several files may define, the instantiations: neumf::cpu is for kernels alone.
    $5 == "WEAK" && ($8 !~ /^_ZNK?5neumf/ || $8 ~ /^_ZNK?5neumf3cpu/) { next }
    { called[$8]; print $8, ($5 == "WEAK" ? "weak" : "globl") >calls }' "$folder/$level.symbols"
  sort -o "$folder/$level.calls" "$folder/$level.calls"
  [ -s "$folder/$level.calls" ] || fail "no functions in the objects of $level; were they compiled for -flto?"
  while read -r object; do
    output=$folder/$level/${object##*.dir/}
    mkdir -p "${output%/*}"
    "$objcopy" --redefine-syms="$folder/$level.names" --remove-section=.init_array "$object" "$output"
  done <"$folder/$level.objects"
done

# What every level has. A function that only some levels keep is inline in the others, and nobody else's.
set -- $levels
first=$1
cp "$folder/$first.calls" "$folder/calls"
shift
for level in "$@"; do
  comm -12 "$folder/calls" "$folder/$level.calls" >"$folder/common"
  comm -3 "$folder/calls" "$folder/$level.calls" >"$folder/different"
  if grep ' globl$' "$folder/different" >&2; then fail "these functions are not in every level"; fi
  mv "$folder/common" "$folder/calls"
done

awk -v levels="${levels# }" '
  { name[NR] = $1; binding[NR] = $2 }
  END {
    print "/* Written by cmake/kernels.sh. */\n\t.text"
    for (i = 1; i <= NR; ++i)
      printf "\t.%s %s\n\t.type %s, @function\n\t.p2align 4\n%s:\n\t.cfi_startproc\n\tmovq neumf_kernels(%%rip), %%r11\n" \
             "\tjmp *%d(%%r11)\n\t.cfi_endproc\n\t.size %s, . - %s\n",
             binding[i], name[i], name[i], name[i], 8 * (i - 1), name[i], name[i]
    count = split(levels, level, " ")
    print "\t.section .data.rel.ro, \"aw\"\n\t.p2align 3"
    for (l = 1; l <= count; ++l) {
      printf ".Lkernels_%s:\n", level[l]
      for (i = 1; i <= NR; ++i) printf "\t.quad %s.%s\n", name[i], level[l]
    }
    print "\t.globl neumf_kernels_of\n\t.hidden neumf_kernels_of\nneumf_kernels_of:"
    for (l = 1; l <= count; ++l) printf "\t.quad .Lkernels_%s\n", level[l]
    print "\t.data\n\t.p2align 3\n\t.globl neumf_kernels\n\t.hidden neumf_kernels\nneumf_kernels:"
    printf "\t.quad .Lkernels_%s\n\t.section .note.GNU-stack, \"\", @progbits\n", level[1]
  }' "$folder/calls" >"$folder/calls.S"
