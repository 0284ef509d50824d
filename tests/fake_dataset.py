"""A tiny data set whose items can be told to raise, to kill their worker or to kill the program.

`<raw>/<item>.json` is an item's annotation; `<raw>/orders/<item>` says what goes wrong when it is read and
how often; `<raw>/reads/` gets one file for each time an item is read.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import uuid
from typing import TYPE_CHECKING

import numpy as np

import mhbench.conversion.pipeline
import mhbench.jobs.scheduling
from mhbench.datasets import DATASETS
from mhbench.datasets.choosing import check_root
from mhbench.datasets.items import Exclusion, Item, Selection
from mhbench.datasets.manifest import DatasetManifest, GridManifest
from mhbench.errors import InputError
from mhbench.frames import FrameTable
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from pathlib import Path

NAME = "fake"
SKELETON = "loco_14"
ITEMS = 8


def manifest(converter_version: int = 1) -> DatasetManifest:
    joints = skeleton(SKELETON).joints
    return DatasetManifest(
        name=NAME,
        title="Fake",
        about="made up",
        licence="none",
        source="here",
        citation="none",
        needs=("*.json",),
        skeleton=SKELETON,
        lens="opencv",
        converter_version=converter_version,
        grid=GridManifest(joints=joints, depth_min=0.0, depth_max=8.0, depth_bins=40),
    )


def install(converter_version: int = 1) -> None:
    """Register the data set in this process."""
    DATASETS[NAME] = __name__
    mhbench.conversion.pipeline.dataset_manifest = lambda _: manifest(converter_version)
    mhbench.conversion.pipeline.conversion_hash = lambda *_: f"{converter_version}" * 64


def write_raw(raw: Path, items: int = ITEMS) -> Path:
    for folder in (raw, raw / "orders", raw / "reads"):
        folder.mkdir(parents=True)
    for number in range(items):
        (raw / f"walk{number}.00_{number:02d}.json").write_text(
            json.dumps({"seed": number, "frames": 6 + number})
        )
    return raw


def order(raw: Path, item: str, what: str, times: int = 1) -> None:
    (raw / "orders" / item).write_text(f"{what} {times}")


def reads(raw: Path) -> int:
    return len(list((raw / "reads").iterdir()))


def items(raw: Path, selection: Selection) -> list[Item]:
    check_root(raw, "the fake data set")
    found = []
    for path in sorted(raw.glob("*.json")):
        sequence, camera = path.stem.split(".")
        if selection.sequences and sequence not in selection.sequences:
            continue
        frames = json.loads(path.read_text())["frames"]
        keys = {"sequence": sequence, "camera": camera}
        found.append(
            Item(name=path.stem, split="all", files=(path.name,), frames_available=frames, keys=keys)
        )
    return found


def read(raw: Path, item: Item, selection: Selection) -> tuple[FrameTable, list[Exclusion]]:
    (raw / "reads" / f"{item.name}-{uuid.uuid4().hex}").touch()
    _obey(raw / "orders" / item.name)
    content = json.loads((raw / item.files[0]).read_text())
    index = np.arange(content["frames"])
    excluded = index == content.get("exclude", -1)
    index = index[(index % selection.every == 0) & ~excluded]
    index = index[: selection.limit] if selection.limit else index
    random = np.random.default_rng(content["seed"])
    start = np.arange(len(index) + 1, dtype=np.int64) * 2
    joints3d = random.uniform((-1, -1, 2), (1, 1, 4), (2 * len(index), 14, 3)).astype(np.float32)
    joints3d[..., 2] += content.get("further", 0)
    K = np.array([[500.0, 0, 320], [0, 500.0, 240], [0, 0, 1]])
    table = FrameTable(
        dataset=NAME,
        split=item.split,
        skeleton=SKELETON,
        frames={
            "id": np.array(
                [f"{item.keys['sequence']}/{item.keys['camera']}/{one:04d}" for one in index], dtype=np.str_
            ),
            "index": index.astype(np.int64),
            "height": np.full(len(index), 480, dtype=np.int32),
            "width": np.full(len(index), 640, dtype=np.int32),
            "K": np.repeat(K[None], len(index), axis=0),
            "distortion": np.zeros((len(index), 8)),
        },
        person_start=start,
        persons={
            "track": np.arange(start[-1]) % 2,
            "joints3d": joints3d,
            "joints2d": (500 * joints3d[..., :2] / joints3d[..., 2:] + np.float32([320, 240])).astype(
                np.float32
            ),
            "joint_flags": np.full((int(start[-1]), 14), 3, dtype=np.uint8),
        },
        lens="opencv",
    )
    report = [Exclusion(item=item.name, frames=1, reason="a test says so")] if excluded.any() else []
    return table, report


def _obey(path: Path) -> None:
    """Do what the order says, as often as it says."""
    if not path.exists():
        return
    what, times = path.read_text().split()
    if int(times) > 1:
        path.write_text(f"{what} {int(times) - 1}")
    else:
        path.unlink()
    orders = {
        "kill-before": _die,
        "kill-during": lambda: setattr(os, "fsync", _die),  # the bytes are written, the name is not in place
        "kill-after": lambda: setattr(
            mhbench.jobs.scheduling, "write_journal", _die
        ),  # the shard is, its journal is not
        "kill-program": _die_with_the_program,
        "kill-program-during": lambda: setattr(os, "fsync", _die_with_the_program),
        "raise": lambda: _raise(
            InputError(f"{path.parents[1] / 'x.json'} is damaged", expected="joints", action="retry")
        ),
        "divide": lambda: 1 // 0,
        "denied": lambda: _raise(PermissionError(13, "Permission denied", str(path.parents[1] / "x.json"))),
        "full": lambda: setattr(os, "fsync", lambda _: _raise(OSError(28, "No space left on device"))),
    }
    orders[what]()


def _raise(error: Exception) -> None:
    raise error


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_with_the_program(*_: object) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    _die()


def main() -> None:
    """`python -m fake_dataset <arguments of mhbench>`: the command line with this data set registered."""
    install()
    DATASETS[NAME] = "fake_dataset"
    from mhbench.cli import main as program

    program(sys.argv[1:])


if __name__ == "__main__":
    main()
