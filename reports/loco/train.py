"""LoCO from nothing to the tables of its paper, on synthetic crowds: one command, made to be interrupted.

    python reports/loco/train.py --size toy  --minutes 60   --work work/loco-toy
    python reports/loco/train.py --size full --minutes 1200 --work work/loco --device cuda --precision bf16

Trains the autoencoder at levels 1, 2 and 3, fine-tunes levels 2 and 3 for two other grids, trains the code
predictor and the baseline without a code for equally long, and the refiner; scores each on crowds of other
people (Tables 2 and 3). The same command goes on where it was stopped. Results go to reports/loco/SIZE.*,
weights stay in the folder of --work.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec
import page
import scores
import torch
from recipes import SIZES, Stage

from mhbench.training import train

ROWS = "rows.json"
HERE = Path(__file__).parent


def run(stage: Stage, options: argparse.Namespace) -> scores.Row:
    """Train a stage to its end and score it on the crowds held out for tests."""
    size = SIZES[options.size]
    changes = {
        **size.common,
        **stage.changes,
        "minutes": str(options.minutes * stage.share / size.shares),
        "precision": "fp32" if stage.model == "loco-refiner" else options.precision,
        "seed": str(options.seed),
    }
    for name, earlier in stage.weights.items():
        changes[name] = str(options.work / earlier)
    out = options.work / stage.name
    print(f"{stage.name}: {float(changes['minutes']):.1f} minutes", flush=True)
    outcome = train(
        stage.model,
        options.work,
        out,
        changes=changes,
        device=options.device,
        progress=True,
        say=lambda text: print(f"  {text}", flush=True),
    )
    if not outcome.finished:
        raise SystemExit("stopped: the same command goes on")
    recipe = {name: value for name, value in changes.items() if name not in stage.weights}
    return scores.row(stage, out, recipe, outcome, options)


def main() -> None:
    """Train what is not trained yet, then write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=SIZES, default="toy", help="toy is for one CPU core")
    parser.add_argument(
        "--minutes",
        type=float,
        required=True,
        help="of training, all stages together; on a CPU of its cores, not of the clock",
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of weights and logs")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the results")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16", "fp16"))
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    told = options.work / ROWS
    rows = msgspec.json.decode(told.read_bytes(), type=list[scores.Row]) if told.exists() else []
    done = {row.stage for row in rows}
    for stage in SIZES[options.size].stages:
        if stage.name not in done:
            rows.append(run(stage, options))
            told.write_bytes(msgspec.json.encode(rows))
            page.write(rows, options.size, options.out)
    scores.draw_people(options, options.out / f"{options.size}-people.png")
    page.write(rows, options.size, options.out)


if __name__ == "__main__":
    main()
