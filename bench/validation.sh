#!/usr/bin/env bash
# What it is worth to choose the epoch on the test items: HR@10 and NDCG@10 of the same trainings, chosen on the test
# items, as the reference does, and chosen on validation items.
#
#   bench/validation.sh OUT_DIR        writes OUT_DIR/validation.md and the logs of all runs
#
# Both data sets have the same test items and test negatives; the one with validation has one training item of each user
# less. Its trainings rank the test items once, at the end. From the environment:
#   BIN, DATA    as in bench/common.sh; RATINGS: the ratings file, default DATA/ml-1m.zip
#   VALIDATION   last (default) or random, where the file does not have the times of all interactions
#   SEEDS        default "1 2 3"
#   EPOCHS       default 20;   RANKS: default one per core, of one thread
#   SETTINGS     options of training, instead of those below
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "$0")/common.sh"
(($# == 1)) || { echo "usage: validation.sh OUT_DIR" >&2; exit 2; }
out=$1
need_programs neumf neumf-preprocess
ranks=${RANKS:-$(nproc)} validation=${VALIDATION:-last}
read -ra seeds <<<"${SEEDS:-1 2 3}"
read -ra settings <<<"${SETTINGS:---factors 8 --layers 64 32 16 8 --batch_size 2048 --learning_rate 0.002 --beta1 0.9 --beta2 0.999 --dropout 0}"
mkdir -p "$out"
for kind in none "$validation"; do
  [[ -e $out/data-$kind/dataset.h5 ]] ||
    "$BIN/neumf-preprocess" --input "${RATINGS:-$DATA/ml-1m.zip}" --validation "$kind" --output "$out/data-$kind" \
      --shards "$ranks" >"$out/data-$kind.txt"
done

launcher "$ranks" 1
for seed in "${seeds[@]}"; do
  for kind in none "$validation"; do
    name=$kind-$seed
    # shellcheck disable=SC2154  # launch comes from common.sh
    grep -qs '"type":"summary"' "$out/$name.json" ||
      "${launch[@]}" --data "$out/data-$kind" --device cpu "${settings[@]}" --seed "$seed" --epochs "${EPOCHS:-20}" \
        --log_path "$out/$name.json" --overwrite >"$out/$name.out" 2>&1 || { cat "$out/$name.out" >&2; exit 1; }
  done
done

# value NAME KEY: of a run's summary
value() {
  json_values "$out/$1.json" "$2" summary
}
{
  echo "Chosen among ${EPOCHS:-20} epochs; \`${settings[*]}\`, $ranks ranks; validation: $validation."
  echo
  echo "| seed | chosen on the test items: HR@10, NDCG@10 (epoch) | chosen on validation items: HR@10, NDCG@10 (epoch) |"
  echo "|---|---|---|"
  for seed in "${seeds[@]}"; do
    a=none-$seed b=$validation-$seed
    printf '| %s | %.4f, %.4f (%s) | %.4f, %.4f (%s) |\n' "$seed" "$(value "$a" hr@10)" "$(value "$a" ndcg@10)" \
      "$(value "$a" best_epoch)" "$(value "$b" test_hr@10)" "$(value "$b" test_ndcg@10)" "$(value "$b" best_epoch)"
  done
  for seed in "${seeds[@]}"; do
    echo "$(value "none-$seed" hr@10) $(value "none-$seed" ndcg@10)" \
      "$(value "$validation-$seed" test_hr@10) $(value "$validation-$seed" test_ndcg@10)"
  done | awk '{ for (i = 1; i <= 4; ++i) sum[i] += $i }
    END { printf "| mean | **%.4f**, %.4f | **%.4f**, %.4f |\n", sum[1] / NR, sum[2] / NR, sum[3] / NR, sum[4] / NR }'
} >"$out/validation.md"
cat "$out/validation.md"
