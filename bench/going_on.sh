#!/usr/bin/env bash
# What going on with new data is worth (neumf train --load_checkpoint_path): a model of the first 90 % of MovieLens 100K by
# time goes on with all of it for a few epochs, beside one that is trained on all of it from scratch. Both are tested on
# each user's latest interaction; new users and items come with the last tenth.
#
#   bench/going_on.sh RATINGS OUT_DIR      RATINGS: u.data of MovieLens 100K, perhaps compressed, which has true times
#
# Writes OUT_DIR/going_on.md. From the environment: BIN as in bench/common.sh; SEEDS (default 1 to 10); EPOCHS of the two
# trainings from scratch (default 20) and MORE of going on (default 5); THREADS (default: one per core); MODEL and ON:
# options of both, and of going on.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "$0")/common.sh"
(($# == 2)) || { echo "usage: going_on.sh RATINGS OUT_DIR" >&2; exit 2; }
ratings=$1 out=$2
need_programs neumf neumf-preprocess
epochs=${EPOCHS:-20} more=${MORE:-5}
read -ra seeds <<<"${SEEDS:-1 2 3 4 5 6 7 8 9 10}"
read -ra model <<<"${MODEL:---factors 16 --layers 64 32 16 --batch_size 1024 --learning_rate 0.002 --beta1 0.9 --beta2 0.999 --dropout 0.2 --lr_schedule linear}"
read -ra on <<<"${ON:---learning_rate 0.006 --dropout 0}"
mkdir -p "$out"
launcher 1 "${THREADS:-$(nproc)}"

if [[ ! -e $out/all/dataset.h5 ]]; then
  "$BIN/neumf-preprocess" --input "$ratings" --format ml-100k --output "$out/all" >/dev/null
  { if [[ $ratings == *.gz ]]; then gzip -dc "$ratings"; else cat "$ratings"; fi; } | sort -s -n -k4,4 >"$out/by_time"
  head -n "$(($(wc -l <"$out/by_time") * 9 / 10))" "$out/by_time" >"$out/first.data"
  "$BIN/neumf-preprocess" --input "$out/first.data" --format ml-100k --output "$out/first" >/dev/null
fi

# train NAME DATA EPOCHS SEED [option...]
train() {
  local name=$1 data=$2 epochs=$3 seed=$4
  shift 4
  # shellcheck disable=SC2154  # launch comes from common.sh
  grep -qs '"type":"summary"' "$out/$name.json" || "${launch[@]}" --data "$out/$data" --seed "$seed" --epochs "$epochs" \
    --checkpoint_dir "$out/$name" --log_path "$out/$name.json" --overwrite "$@" >"$out/$name.out" 2>&1 ||
    { cat "$out/$name.out" >&2; return 1; }
}
# HR@10 of the last epoch, and the seconds of all epochs with their evaluations. The best epoch would favour the training
# with more of them.
last() { json_values "$out/$1.json" hr@10 epoch | tail -n 1; }
seconds() {
  { json_values "$out/$1.json" train_epoch_time epoch; json_values "$out/$1.json" validation_epoch_time epoch; } |
    awk '{ sum += $1 } END { print sum }'
}

rows=()
for seed in "${seeds[@]}"; do
  train "scratch-$seed" all "$epochs" "$seed" "${model[@]}"
  train "first-$seed" first "$epochs" "$seed" "${model[@]}"
  start=$(ls "$out/first-$seed"/checkpoint-*.h5 | grep -v part | tail -n 1)
  # Other draws than those of the first training.
  train "on-$seed" all "$more" "$((seed + 1000))" "${model[@]}" --load_checkpoint_path "$start" "${on[@]}"
  rows+=("$seed $(last "scratch-$seed") $(seconds "scratch-$seed") $(last "on-$seed") $(seconds "on-$seed")")
done
{
  echo "| seed | from scratch, HR@10 | s | going on, HR@10 | s |"
  echo "|---|---|---|---|---|"
  printf '%s\n' "${rows[@]}" | awk '{ printf "| %s | %.4f | %.2f | %.4f | %.2f |\n", $1, $2, $3, $4, $5; a += $2; b += $3; c += $4; d += $5 }
    END { printf "| mean | **%.4f** | **%.2f** | **%.4f** | **%.2f** |\n\nGoing on: %+.4f in HR@10, in %.3f of the time.\n", a / NR, b / NR, c / NR, d / NR, (c - a) / NR, d / b }'
  echo
  echo "Settings: \`${model[*]}\`, $epochs epochs; going on $more epochs\`${on[*]:+ }${on[*]}\`. The last epoch of each counts."
} | tee "$out/going_on.md"
