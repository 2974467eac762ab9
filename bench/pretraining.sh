#!/usr/bin/env bash
# What pre-training is worth (section 3.4.1 of the NCF paper): GMF, MLP, NeuMF from scratch, and NeuMF that starts from
# the two, on MovieLens 1M at factors 64; best HR@10 by seed and mean.
#
#   bench/pretraining.sh OUT_DIR        writes OUT_DIR/pretraining.md and the logs of all runs
#
# A model's best epoch counts, as in the paper; every run stops when HR@10 has not risen for PATIENCE epochs. Epoch 0 of
# the pre-trained model is the joined one before it is trained on. From the environment:
#   BIN, DATA   as in bench/common.sh; RATINGS: the ratings file of MovieLens 1M, default DATA/ml-1m.zip
#   SEEDS       default "1 2 3"
#   EPOCHS      at most so many, default 40;   PATIENCE: default 8
#   RANKS       default: one per core, of one thread
#   DEVICE      auto, cuda or cpu (default)
#   GMF, MLP, SCRATCH, PRETRAINED   options of these trainings, instead of those below
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "$0")/common.sh"
(($# == 1)) || { echo "usage: pretraining.sh OUT_DIR" >&2; exit 2; }
out=$1
need_programs neumf neumf-preprocess
ranks=${RANKS:-$(nproc)} epochs=${EPOCHS:-40} patience=${PATIENCE:-8}
read -ra seeds <<<"${SEEDS:-1 2 3}"
mkdir -p "$out"
table=$out/pretraining.md

# shellcheck disable=SC2153  # DATA comes from common.sh
data=$DATA/ml-1m
[[ -e $data/dataset.h5 ]] ||
  "$BIN/neumf-preprocess" --input "${RATINGS:-$DATA/ml-1m.zip}" --output "$data" --shards "$ranks" >/dev/null

# By kind of model: what did best when a random training interaction of each user was held out instead of the latest one,
# so that nothing was chosen on the test items.
declare -A settings=(
  [gmf]=${GMF:-"--batch_size 2048 --learning_rate 0.001 --weight_decay 0.1"}
  [mlp]=${MLP:-"--batch_size 4096 --learning_rate 0.001 --dropout 0.2"}
  [scratch]=${SCRATCH:-"--batch_size 16384 --learning_rate 0.001 --dropout 0.5 --weight_decay 0.1"}
  [pretrained]=${PRETRAINED:-"--batch_size 8192 --learning_rate 0.0001 --dropout 0.5 --pretrain_alpha 0.7"}
)

launcher "$ranks" 1
# train KIND SEED [option...]: one run, its log in OUT_DIR/KIND-SEED.json; runs that are complete stay as they are
train() {
  local kind=$1 seed=$2 name=$1-$2 words
  shift 2
  read -ra words <<<"${settings[$kind]}"
  # shellcheck disable=SC2154  # launch comes from common.sh
  if ! grep -qs '"type":"summary"' "$out/$name.json"; then
    "${launch[@]}" --data "$data" --device "${DEVICE:-cpu}" --factors 64 --layers 256 256 128 64 --beta1 0.9 \
      --beta2 0.999 "${words[@]}" --seed "$seed" --epochs "$epochs" --patience "$patience" --checkpoint_every 0 \
      --checkpoint_dir "$out/$name" --log_path "$out/$name.json" --overwrite "$@" >"$out/$name.out" 2>&1 ||
      { cat "$out/$name.out" >&2; return 1; }
  fi
  echo "$name: HR@10 $(json_values "$out/$name.json" best_accuracy summary)" \
    "in epoch $(json_values "$out/$name.json" best_epoch summary)" >&2
}

for seed in "${seeds[@]}"; do
  train gmf "$seed" --model gmf
  train mlp "$seed" --model mlp
  train scratch "$seed"
  train pretrained "$seed" --pretrained_gmf "$out/gmf-$seed/best.h5" --pretrained_mlp "$out/mlp-$seed/best.h5"
done

# The values of a key over the seeds, and their mean: row LABEL KIND KEY
row() {
  local seed values=()
  for seed in "${seeds[@]}"; do values+=("$(json_values "$out/$2-$seed.json" "$3" summary)"); done
  printf '%s\n' "${values[@]}" | awk -v label="$1" '
    { line = line sprintf(" %.4f |", $1); sum += $1 }
    END { printf "| %s |%s **%.4f** |\n", label, line, sum / NR }'
}

{
  echo "| best HR@10 |$(printf ' seed %s |' "${seeds[@]}") mean |"
  echo "|---|$(printf -- '---|%.0s' "${seeds[@]}")---|"
  row GMF gmf best_accuracy
  row MLP mlp best_accuracy
  row "NeuMF from scratch" scratch best_accuracy
  row "NeuMF pre-trained" pretrained best_accuracy
  echo
  echo "| NDCG@10 in that epoch |$(printf ' seed %s |' "${seeds[@]}") mean |"
  echo "|---|$(printf -- '---|%.0s' "${seeds[@]}")---|"
  row GMF gmf ndcg@10
  row MLP mlp ndcg@10
  row "NeuMF from scratch" scratch ndcg@10
  row "NeuMF pre-trained" pretrained ndcg@10
  echo
  echo "Settings (besides factors 64, layers 256 256 128 64, betas 0.9 0.999, at most $epochs epochs, patience" \
    "$patience, $ranks ranks):"
  for kind in gmf mlp scratch pretrained; do echo "- $kind: \`${settings[$kind]}\`"; done
} | tee "$table"
