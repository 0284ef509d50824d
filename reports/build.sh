#!/usr/bin/env bash
# The leaderboard that this repository publishes: reports/leaderboard (entries) and reports/site (pages).
# Everything verified is on synthetic people, whose truth is known; published rows are printed figures.
#   reports/build.sh           only the pages, from the entries
#   reports/build.sh --anew    synthetic data, predictions, evaluations and entries too
set -euo pipefail
cd "$(dirname "$0")/.."
mhbench() { "${MHBENCH:-.venv/bin/mhbench}" "$@"; }
store=reports/leaderboard

if [ "${1:-}" = --anew ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mhbench demo "$work"
  mhbench run gt --data "$work/shards" --out "$work/gt.json"
  rm -rf "$store"
  label="synthetic people (mhbench demo): 2 sequences, 2 cameras, 10 frames each"
  add() { # predictions, name, note, further options
    mhbench evaluate "$work/$1.json" --protocol panoptic/generic --data "$work/shards" --out "$work/$1-result.json"
    mhbench leaderboard add "$work/$1-result.json" --store "$store" --name "$2" --note "$3" "${@:4}"
  }
  add gt gt "The ground truth itself: what a perfect model would score." --upper-bound --own-data "$label"
  add upper-bound gt-heatmaps "The ground truth through its own heatmaps: what their grid loses." --upper-bound
  add noisy noisy "The ground truth with 40 mm of noise, a tenth of the people missing and some invented."
fi
mhbench leaderboard build --store "$store" --out reports/site
