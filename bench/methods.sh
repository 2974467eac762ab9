#!/usr/bin/env bash
# What neumf's models and simpler methods are worth side by side: HR@10 and NDCG@10 in the whole catalogue and among
# the stored negatives, and the time that each took.
#
#   bench/methods.sh OUT_DIR        writes OUT_DIR/methods.md, and the logs of all runs
#
# A model counts as it is after its last epoch, so that nothing is chosen on the held-out items; means over seeds. The
# time of a model is that of its training, that of another method of preparing and evaluating. From the environment:
#   BIN, DATA   as in bench/common.sh
#   SET         a preprocessed data set, default DATA/ml-1m
#   SEEDS       default "1 2 3"
#   THREADS     of one rank, default: all cores
#   METHODS     of neumf baseline, default "popularity item-knn als ease"
#   MODELS      default "gmf-bce gmf-softmax gmf-full-softmax gmf-ials neumf"; their options are below
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "$0")/common.sh"
(($# == 1)) || { echo "usage: methods.sh OUT_DIR" >&2; exit 2; }
out=$1
need_programs neumf
threads=${THREADS:-$(nproc)} set=${SET:-$DATA/ml-1m}
read -ra seeds <<<"${SEEDS:-1 2 3}"
read -ra methods <<<"${METHODS-popularity item-knn als ease}"
read -ra models <<<"${MODELS-gmf-bce gmf-softmax gmf-full-softmax gmf-ials neumf}"
mkdir -p "$out"

# Those of gmf-full-softmax lie between the best with a random training interaction of each user held out instead of the
# latest one; those of gmf-softmax are a first guess, those of gmf-ials the best of some ten on such an item.
adam="--beta1 0.9 --beta2 0.999"
declare -A settings=(
  [gmf-bce]="--model gmf --batch_size 2048 --learning_rate 0.001 --weight_decay 0.1 --epochs 20 $adam"
  [gmf-softmax]="--model gmf --loss softmax --negatives popularity --negative_samples 64 --batch_size 66560
    --learning_rate 0.004 --embedding_l2 0.001 --epochs 12 --lr_schedule cosine $adam"
  [gmf-full-softmax]="--model gmf --loss full_softmax --batch_size 32 --learning_rate 0.04 --embedding_l2 0.1
    --epochs 20 --lr_schedule cosine $adam"
  [gmf-ials]="--model gmf --loss ials --factors 256 --unobserved_weight 0.3 --embedding_l2 0.007 --epochs 12"
  [neumf]="--batch_size 16384 --learning_rate 0.001 --dropout 0.5 --weight_decay 0.1 --epochs 20 $adam"
)

launcher 1 "$threads"
row() { printf '| %s | %.4f | %.4f | %.4f | %.4f | %.1f |\n' "$@"; }
# The mean of numbers on standard input.
mean() { awk '{ sum += $1 } END { print sum / NR }'; }
{
  echo "| method | HR@10, whole catalogue | NDCG@10 | HR@10, stored negatives | NDCG@10 | seconds |"
  echo "|---|---|---|---|---|---|"
  for method in "${methods[@]}"; do
    log=$out/$method.json
    mpirun -n 1 --oversubscribe --bind-to none "$BIN/neumf" baseline --data "$set" --methods "$method" \
      --threads "$threads" --log_path "$log" >"$out/$method.out" 2>&1 || { cat "$out/$method.out" >&2; exit 1; }
    row "$method" "$(json_values "$log" 'full_hr@10')" "$(json_values "$log" 'full_ndcg@10')" \
      "$(json_values "$log" 'hr@10')" "$(json_values "$log" 'ndcg@10')" "$(json_values "$log" time)"
  done
  for model in "${models[@]}"; do
    read -ra words <<<"${settings[$model]//$'\n'/ }"
    : >"$out/$model.values"
    for seed in "${seeds[@]}"; do
      log=$out/$model-$seed.json
      # shellcheck disable=SC2154  # launch comes from common.sh
      "${launch[@]}" --data "$set" --device cpu --eval full "${words[@]}" --seed "$seed" --log_path "$log" \
        >"$out/$model.out" 2>&1 || { cat "$out/$model.out" >&2; exit 1; }
      echo "$(json_values "$log" 'full_hr@10' epoch | tail -n 1) $(json_values "$log" 'full_ndcg@10' epoch | tail -n 1)" \
        "$(json_values "$log" 'hr@10' epoch | tail -n 1) $(json_values "$log" 'ndcg@10' epoch | tail -n 1)" \
        "$(json_values "$log" train_epoch_time epoch | awk '{ sum += $1 } END { print sum }')" >>"$out/$model.values"
    done
    means=()
    for column in 1 2 3 4 5; do means+=("$(awk -v c=$column '{ print $c }' "$out/$model.values" | mean)"); done
    row "$model" "${means[@]}"
  done
} | tee "$out/methods.md"
bash "$root/bench/machine.sh" >"$out/machine.txt" 2>&1 || true
