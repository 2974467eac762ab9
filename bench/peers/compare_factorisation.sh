#!/usr/bin/env bash
# Training of neumf's GMF by least squares (--loss ials) against implicit's ALS and EASE in numpy, alternately: seconds to
# fit, reading and evaluation left out, and HR@10 and NDCG@10 of the test items in the whole catalogue.
#
#   bench/peers/compare_factorisation.sh OUT_DIR
#
# Writes OUT_DIR/factorisation.md and what each run said. From the environment: BIN, DATA as in bench/common.sh; SET: a
# preprocessed data set without validation, default DATA/ml-1m; PYTHON (has h5py, implicit, numpy and scipy; default: of
# setup_packages.sh); THREADS (default: one per core); SEEDS (default "1 2 3": a round for each); TRAIN: options of
# neumf, default those of bench/methods.sh; ALS: options of implicit, "|" between several, default its own and neumf's sizes.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../common.sh
source "$(dirname "$0")/../common.sh"
(($# == 1)) || { echo "usage: compare_factorisation.sh OUT_DIR" >&2; exit 2; }
out=$1
need_programs neumf
python=${PYTHON:-$("$root/bench/peers/setup_packages.sh" factorisation h5py implicit numpy scipy)}
threads=${THREADS:-$(nproc)} set=${SET:-$DATA/ml-1m}
read -ra seeds <<<"${SEEDS:-1 2 3}"
train=${TRAIN:-$(sed -n 's/^ *\[gmf-ials\]="\(.*\)"$/\1/p' "$root/bench/methods.sh")}
read -ra train <<<"$train"
IFS='|' read -ra als <<<"${ALS:---factors 64|--factors 256}"
mkdir -p "$out"
rm -f "$out"/*.values
launcher 1 "$threads"

peer() { # NAME METHOD [option...]
  "$python" "$root/bench/peers/factorisation_peers.py" "$2" "$set" --threads "$threads" "${@:3}" >"$out/$1.json"
  echo "$(json "$1" seconds) $(json "$1" 'full_hr@10') $(json "$1" 'full_ndcg@10')" >>"$out/$1.values"
}
json() { grep -o "\"$2\": [0-9.e-]*" "$out/$1.json" | cut -d' ' -f2; }

for seed in "${seeds[@]}"; do
  log=$out/neumf-$seed.json
  # shellcheck disable=SC2154  # launch comes from common.sh
  "${launch[@]}" --data "$set" --device cpu --eval full "${train[@]}" --seed "$seed" --log_path "$log" --overwrite \
    >"$out/neumf.out" 2>&1 || { cat "$out/neumf.out" >&2; exit 1; }
  echo "$(json_values "$log" train_epoch_time epoch | awk '{ sum += $1 } END { print sum }')" \
    "$(json_values "$log" 'full_hr@10' epoch | tail -n 1) $(json_values "$log" 'full_ndcg@10' epoch | tail -n 1)" >>"$out/neumf.values"
  for ((i = 0; i < ${#als[@]}; ++i)); do
    read -ra options <<<"${als[i]}"
    peer "als-$i" als --seed "$seed" "${options[@]}"
  done
  peer ease ease
done

row() { # LABEL NAME
  awk -v label="$1" '{ s = s (NR > 1 ? ", " : "") sprintf("%.2f", $1); h = h (NR > 1 ? ", " : "") sprintf("%.4f", $2)
      n = n (NR > 1 ? ", " : "") sprintf("%.4f", $3); hr += $2; ndcg += $3 }
    END { printf "| %s | %s | %s | %.4f | %s | %.4f |\n", label, s, h, hr / NR, n, ndcg / NR }' "$out/$2.values"
}
{
  echo "# GMF by least squares, implicit's ALS and EASE in numpy"
  echo '```'
  "$root/bench/machine.sh"
  "$python" -c 'import implicit, numpy; print("implicit", implicit.__version__, "numpy", numpy.__version__)'
  echo '```'
  echo "$threads threads; a round for each of the seeds ${seeds[*]}, in which every program runs once."
  echo
  echo "| method | seconds to fit | HR@10, whole catalogue | mean | NDCG@10 | mean |"
  echo "|---|---|---|---|---|---|"
  row "neumf, \`${train[*]}\`" neumf
  for ((i = 0; i < ${#als[@]}; ++i)); do row "implicit's ALS, \`${als[i]}\`" "als-$i"; done
  row "EASE, numpy" ease
} | tee "$out/factorisation.md"
