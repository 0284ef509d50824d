#!/usr/bin/env bash
# The leaderboard that this repository publishes: reports/leaderboard (entries) and reports/site (pages).
# Everything verified is on synthetic people, whose truth is known; published rows are printed figures.
#   reports/build.sh           only the pages, from the entries
#   reports/build.sh --anew    synthetic data, predictions, evaluations and entries too
set -euo pipefail
cd "$(dirname "$0")/.."
mhbench() { "${MHBENCH:-.venv/bin/mhbench}" "$@"; }
store=reports/leaderboard
truth="The ground truth itself: what a perfect model would score."
bound="The ground truth through its own heatmaps: what their grid loses."

# add PREDICTIONS PROTOCOL SHARDS NAME NOTE [option of add]...
add() {
  mhbench evaluate "$1.json" --protocol "$2" --data "$3" --out "$1-result.json" --report "$1-report"
  mhbench leaderboard add "$1-result.json" --store "$store" --report "$1-report" --name "$4" --note "$5" "${@:6}"
}

# bounds DATASET PROTOCOL WORDS [option of synth]...: synthetic people, and what no model can do better
bounds() {
  local place=$work/$1
  mhbench synth "$1" "$place/raw/$1" --no-images "${@:4}"
  mhbench convert "$1" --raw "$place/raw/$1" --out "$place/shards" -j 1
  mhbench run gt --data "$place/shards" --out "$place/gt.json"
  mhbench run gt-heatmaps --data "$place/shards" --out "$place/heatmaps.json"
  add "$place/heatmaps" "$2" "$place/shards" gt-heatmaps "$bound" --upper-bound --own-data "synthetic people: $3"
  mhbench evaluate "$place/gt.json" --protocol "$2" --data "$place/shards" --out "$place/gt-result.json"
  mhbench leaderboard add "$place/gt-result.json" --store "$store" --name gt --note "$truth" --upper-bound
}

if [ "${1:-}" = --anew ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  rm -rf "$store"
  bounds human36m human36m/loco-p2 "1 sequence of S11, 4 cameras, 128 frames each" \
    --frames 128 --people 1 --motion walk
  bounds jta jta/test "1 sequence, 90 frames, a crowd of 12" --frames 900 --people 12 --motion crowd
  bounds mupots mupots/all "2 sequences, 80 frames, 3 people" --frames 40 --people 3
  mhbench demo "$work/demo"
  mhbench run gt --data "$work/demo/shards" --out "$work/demo/gt.json"
  ours=(panoptic/generic "$work/demo/shards")
  add "$work/demo/noisy" "${ours[@]}" noisy \
    "The ground truth with 40 mm of noise, a tenth of the people missing and some invented." \
    --own-data "synthetic people (mhbench demo): 2 sequences, 2 cameras, 10 frames each"
  add "$work/demo/upper-bound" "${ours[@]}" gt-heatmaps "$bound" --upper-bound
  mhbench evaluate "$work/demo/gt.json" --protocol "${ours[0]}" --data "${ours[1]}" --out "$work/demo/gt-result.json"
  mhbench leaderboard add "$work/demo/gt-result.json" --store "$store" --name gt --note "$truth" --upper-bound
fi
mhbench leaderboard build --store "$store" --out reports/site
