#!/usr/bin/env bash
# Fetches a MovieLens archive for neumf-preprocess, which reads it as it is:
#
#   preprocess/download.sh ml-1m data
#   neumf-preprocess --input data/ml-1m.zip --output data/ml-1m
#
# The file appears under its name only once its checksum is right; an interrupted download goes on where it stopped.
# MovieLens is free for research; its terms are in the README inside the archive.
set -euo pipefail

usage() {
  echo "Usage: $0 ml-1m|ml-20m|ml-100k DIR" >&2
  exit 2
}
die() {
  echo "$0: error: $*" >&2
  exit 1
}

[[ $# -eq 2 ]] || usage
name=$1 directory=$2
case $name in
  ml-20m) checksum=cd245b17a1ae2cc31bb14903e1204af3 ;;
  ml-1m) checksum=c4d9eecfca2ab87c1945afe126590906 ;;
  ml-100k) checksum=0e33842e24a9c977be4e0107933c0723 ;;
  *) usage ;;
esac
address=${NEUMF_MOVIELENS_URL:-https://files.grouplens.org/datasets/movielens}/$name.zip
archive=$directory/$name.zip
partial=$archive.part

matches() { [[ $(md5sum <"$1" | cut -d' ' -f1) == "$checksum" ]]; }

mkdir -p "$directory" || die "cannot create $directory"
if [[ -e $archive ]]; then
  matches "$archive" || die "$archive is there but its md5 is not $checksum: remove it and run this again"
  echo "$archive is there already"
  exit 0
fi
command -v curl >/dev/null || die "curl is not installed (apt-get install curl)"
# A complete download that was interrupted before its renaming needs no network.
if ! { [[ -e $partial ]] && matches "$partial"; }; then
  status=0
  curl --fail --location --retry 3 --connect-timeout 20 --continue-at - --output "$partial" "$address" || status=$?
  # 22 and 33: the server refuses to go on from there, so the partial file is of no use.
  if [[ $status -eq 22 || $status -eq 33 ]]; then rm -f "$partial"; fi
  [[ $status -eq 0 ]] ||
    die "cannot download $address. Try again, or get the file elsewhere and put it at $archive"
fi
if ! matches "$partial"; then
  rm -f "$partial"
  die "the md5 of $address is not $checksum: the download was damaged and is removed; run this again"
fi
mv "$partial" "$archive"
echo "$archive"
