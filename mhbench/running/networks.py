"""The model pipeline: shards -> images -> network -> predictions, block by block.

Frames go in the shards' order. Each finished block of frames is kept on disk, so that a killed run goes on
where it was; an image that cannot be read is listed and its frame left out.
"""

from __future__ import annotations

import hashlib
import resource
import sys
import time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mhbench import __version__
from mhbench.errors import MhbenchError, MissingInputError, UsageError
from mhbench.jobs.journal import Failure
from mhbench.jobs.progress import shown_progress
from mhbench.models.images import image_source, read_ahead
from mhbench.models.loading import EXPORTED, make_network
from mhbench.models.protocol import Setup
from mhbench.places import raw_root
from mhbench.predictions.writing import check_suffix, write_predictions
from mhbench.protocols.frame_selection import expected_frames
from mhbench.protocols.loading import load_protocol
from mhbench.running.batches import Batches
from mhbench.running.parts import Parts, Recipe, RunReport, Skipped
from mhbench.shards.reading import first_met, open_shards
from mhbench.shards.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mhbench.models.images import ImageSource
    from mhbench.models.protocol import InputFrame, Network, Poses
    from mhbench.shards.reading import Shards

    Job = Callable[[], InputFrame]

BLOCK: Final = 256  # frames; a killed run loses at most the work on these


class _Selected(NamedTuple):
    """The frames of one shard that are to be predicted: rows, ascending."""

    source: ImageSource
    rows: list[int]


def run_network(
    model: str,
    data: Path,
    out: Path,
    *,
    dataset: str | None = None,
    split: str | None = None,
    protocol: str | None = None,
    raw: Path | None = None,
    weights: Sequence[Path] = (),
    device: str = "auto",
    batch: int = 4,
    precision: str = "fp32",
    compiled: bool = False,
    progress: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> RunReport:
    """Write the predictions of a network for the frames of shards.

    Args:
        model: see `models.loading.make_network`.
        data: folder of the shards.
        out: predictions to write (.json, .json.gz or .h5); `<out>.parts` is used meanwhile.
        dataset: which data set, where the folder holds several.
        split: only this split.
        protocol: only the frames this protocol expects.
        raw: folder of the images, where the shards do not hold them; default MHBENCH_RAW/<dataset>.
        weights: files or folders of weights.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
        batch: frames per batch; halved when memory does not suffice.
        precision: fp32, fp16 or bf16.
        compiled: ask the network to use torch.compile.
        progress: show progress on stderr.
        say: told what a user should know on the way.

    Raises:
        UsageError: an unknown model, device or precision, or no frame is selected.
        InputError: weights or shards cannot be used, or no image could be read.
        PredictionError: the network fails or gives what no predictions file can hold.
        OutputError: the place cannot be written, or holds parts of another run.
    """
    check_suffix(out)
    shards = open_shards(data, dataset=dataset, split=split)
    folder = raw_root(shards.dataset, raw)
    selected = _selection(shards, folder, protocol)
    setup = Setup(
        weights=tuple(weights),
        device=_device(device, precision),
        precision=precision,
        dataset=shards.dataset,
        skeleton=shards.infos[0].skeleton,
        compiled=compiled,
    )
    network = make_network(model, setup)
    parts = Parts(out.with_name(f"{out.name}.parts"), _recipe(model, setup, selected))
    batches = Batches(network, batch, say)
    started, frames = time.perf_counter(), sum(len(one.rows) for one in selected)
    done_before = _run_blocks(selected, parts, batches, f"run {model}" if progress else "")
    seconds = time.perf_counter() - started
    table, skipped = parts.merged(-(-frames // BLOCK), **_header(network, model, shards.dataset))
    write_predictions(table, out)
    parts.remove()
    return RunReport(
        out=out,
        frames=table.frame_count,
        people=table.person_count,
        loose=0 if table.loose_start is None else int(table.loose_start[-1]),
        skipped=tuple(skipped),
        done_before=done_before,
        frames_per_second=(frames - done_before) / seconds,
        batch=batches.size,
        memory=_peak_memory(),
        device_memory=_device_memory(),
    )


def _selection(shards: Shards, raw: Path, protocol_name: str | None) -> list[_Selected]:
    """The frames to predict, shard by shard in order."""
    protocol = None if protocol_name is None else load_protocol(protocol_name)
    selected = []
    met: set[str] = set()
    for info in shards.infos:
        path = shards.folder / info.path
        source = image_source(path, raw)
        rows = np.arange(info.frames)
        if protocol is not None:
            rows = np.flatnonzero(expected_frames(protocol, read_table(path)))
        new = first_met(source.table.frames["id"][rows], met)
        selected.append(_Selected(source, rows[new].tolist()))
    if not any(one.rows for one in selected):
        raise UsageError(
            f"no frame of {shards.folder} is selected",
            expected=f"frames of {protocol_name}" if protocol_name else "shards with frames",
            action="convert the split and the sequences that are wanted",
        )
    if not raw.is_dir() and not all(one.source.embedded for one in selected):
        raise MissingInputError(
            f"there is no raw folder {raw}, and the shards hold no images",
            expected="the folder the images lie in",
            action="give it by --raw, or convert with --images embed or extract",
        )
    return selected


def _run_blocks(selected: Sequence[_Selected], parts: Parts, batches: Batches, label: str) -> int:
    """Predict the blocks that are not there yet; returns the frames of those that are."""
    jobs = [partial(one.source.read, row) for one in selected for row in one.rows]
    ids = [str(one.source.table.frames["id"][row]) for one in selected for row in one.rows]
    done_before, done = 0, 0
    with shown_progress(label, len(jobs) if label else 0, lambda: done + batches.predicted):
        for number, first in enumerate(range(0, len(jobs), BLOCK)):
            stop = min(first + BLOCK, len(jobs))
            if parts.has(number):
                done_before += stop - first
            else:
                parts.put(number, *_block(jobs[first:stop], ids[first:stop], batches))
            done = stop
            batches.predicted = 0
    return done_before


def _block(
    jobs: Sequence[Job], ids: Sequence[str], batches: Batches
) -> tuple[list[str], list[Poses], list[Skipped]]:
    """Ids and people of the frames that could be read, and the others with their reasons."""
    found: list[str] = []
    poses: list[Poses] = []
    skipped: list[Skipped] = []
    results = zip(ids, read_ahead(jobs, 2 * batches.size), strict=True)
    while chunk := list(islice(results, batches.size)):
        frames = [frame for _, frame in chunk if not isinstance(frame, MhbenchError)]
        skipped += [
            Skipped(frame_id, Failure(what=error.what, expected=error.expected, action=error.action))
            for frame_id, error in chunk
            if isinstance(error, MhbenchError)
        ]
        poses += batches.predict(frames)
        found += [frame.id for frame in frames]
    return found, poses, skipped


def _recipe(model: str, setup: Setup, selected: Sequence[_Selected]) -> Recipe:
    content = hashlib.sha256()
    for one in selected:
        content.update(
            repr((one.source.path.name, one.source.table.frames["id"][one.rows].tolist())).encode()
        )
    files = [
        file for place in setup.weights for file in (sorted(place.glob("*")) if place.is_dir() else [place])
    ]
    return Recipe(
        model=model,
        weights=tuple(_file_hash(file) for file in files if file.is_file()),
        precision=setup.precision,
        dataset=setup.dataset,
        content=content.hexdigest(),
        block=BLOCK,
        tool_version=__version__,
    )


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _device(name: str, precision: str) -> str:
    """The device of a name; without torch there is the CPU only."""
    from importlib.util import find_spec  # noqa: PLC0415 - asks without loading

    if find_spec("torch") is None and name in {"auto", "cpu"}:
        return "cpu"
    from mhbench.models.devices import chosen_device, chosen_dtype  # noqa: PLC0415 - loads torch

    chosen_dtype(precision)
    return str(chosen_device(name))


def _peak_memory() -> int:
    """Most bytes this process had in memory; getrusage(2) counts bytes on macOS, kilobytes elsewhere."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _device_memory() -> int:
    torch: Any = sys.modules.get("torch")
    return int(torch.cuda.max_memory_allocated()) if torch is not None and torch.cuda.is_available() else 0


def _header(network: Network, model: str, dataset: str) -> dict[str, Any]:
    trained_on = getattr(network, "trained_on", None)
    return {
        "model": Path(model).stem if model.endswith(EXPORTED) else model.rpartition(":")[2],
        "dataset": dataset,
        "skeleton": network.skeleton,
        "space": getattr(network, "space", "camera"),
        "root": getattr(network, "root", None),
        "trained_on": None if trained_on is None else tuple(trained_on),
    }
