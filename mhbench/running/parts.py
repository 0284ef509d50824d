"""What a run has finished, kept on disk: one file per block of frames, merged at the end.

`OUT.parts/<block>.npz` gets its name when the block is whole, so a killed run goes on with the block it was
in and no frame is lost or doubled. `OUT.parts/run.json` says what the parts were made with; parts of anything
else are refused.
"""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - a field of a dataclass that is shown
from typing import TYPE_CHECKING, Any, Final
from zipfile import BadZipFile

import msgspec
import numpy as np

from mhbench.errors import InputError, OutputError, PredictionError
from mhbench.jobs.journal import Failure
from mhbench.predictions.table import PredictionTable
from mhbench.shards.files import remove_orphans, write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from mhbench.models.protocol import Poses

_RECIPE: Final = "run.json"
_PREFIX: Final = "persons/"


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What decides the predictions of a run, as far as it can be told from outside the network."""

    model: str
    weights: tuple[str, ...]
    precision: str
    dataset: str
    content: str
    block: int
    tool_version: str


class Skipped(msgspec.Struct, frozen=True):
    """A frame that could not be predicted, and why."""

    frame: str
    reason: Failure


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did.

    Attributes:
        out: the predictions file.
        frames: frames with predictions.
        people: predicted people.
        loose: predicted joints without people.
        skipped: frames that were left out, and why.
        done_before: frames that an earlier, unfinished run had predicted.
        frames_per_second: of the frames of this run, reading and writing included.
        batch: frames per batch at the end.
        memory: most bytes of memory the process had.
        device_memory: most bytes on a GPU, 0 on the CPU.
    """

    out: Path
    frames: int
    people: int
    loose: int
    skipped: tuple[Skipped, ...]
    done_before: int
    frames_per_second: float
    batch: int
    memory: int
    device_memory: int

    def __str__(self) -> str:
        loose = f", {self.loose} joints without people" if self.loose else ""
        before = f" ({self.done_before} by the run before)" if self.done_before else ""
        device = f" and {self.device_memory / 1e9:.1f} GB on the device" if self.device_memory else ""
        memory = f"{self.memory / 1e9:.1f} GB of memory{device}"
        lines = [
            f"{self.frames} frames{before}, {self.people} people{loose} -> {self.out}",
            f"{self.frames_per_second:.1f} frames/s, batches of {self.batch}, {memory}",
        ]
        if self.skipped:
            lines.append(f"{len(self.skipped)} frames were left out:")
            lines += [f"  {one.frame}: {one.reason.what}" for one in self.skipped[:20]]
            lines += ["  ..."] * (len(self.skipped) > 20)
        return "\n".join(lines)


def claim(folder: Path, recipe: msgspec.Struct) -> None:
    """Note what the parts in a folder are made with; refuse a folder with parts of anything else.

    Raises:
        OutputError: the folder holds parts of another run, or cannot be written.
    """
    told, content = folder / _RECIPE, msgspec.json.encode(recipe)
    if told.exists() and told.read_bytes() != content:
        before, now = msgspec.json.decode(told.read_bytes()), msgspec.json.decode(content)
        changed = next((name for name in now if before.get(name) != now[name]), "form")
        raise OutputError(
            f"{folder} holds an unfinished run with another {changed}: {before.get(changed)}",
            expected=f"{now.get(changed)}",
            action="finish that run with its own options, or delete the folder to begin anew",
        )
    write_atomically(told, content)
    remove_orphans(folder)


class Parts:
    """The finished blocks of a run.

    Args:
        folder: where they lie; made if it is not there.
        recipe: what they are made with.

    Raises:
        OutputError: the folder holds parts of another run, or cannot be written.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.folder = folder
        claim(folder, recipe)

    def has(self, block: int) -> bool:
        """The block is finished."""
        return self._path(block).exists()

    def put(self, block: int, ids: Sequence[str], poses: Sequence[Poses], skipped: Sequence[Skipped]) -> None:
        """Keep a finished block.

        Raises:
            PredictionError: its frames do not all have the same columns.
            OutputError: the disk is full or the folder cannot be written.
        """
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **_packed(ids, poses, skipped))
        write_atomically(self._path(block), buffer.getvalue())

    def merged(self, blocks: int, **header: Any) -> tuple[PredictionTable, list[Skipped]]:
        """The predictions of all blocks in order, and the frames that were skipped.

        Raises:
            InputError: a part is damaged.
            PredictionError: the parts have different columns, or no frame could be predicted.
        """
        parts = [self._read(block) for block in range(blocks)]
        skipped = [
            one
            for part in parts
            for one in msgspec.json.decode(part["skipped"].tobytes(), type=list[Skipped])
        ]
        full = [part for part in parts if len(part["ids"])]
        if not full:
            reason = skipped[0].reason if skipped else Failure(what="the shards hold no frames")
            raise InputError(
                f"none of {len(skipped)} frames could be predicted; the first: {reason.what}",
                expected=reason.expected,
                action=reason.action,
            )
        names = [sorted(name for name in part if name.startswith(_PREFIX)) for part in full]
        if any(one != names[0] for one in names):
            raise _changed()
        return (
            PredictionTable(
                frame_ids=np.concatenate([part["ids"] for part in full]),
                person_start=_offsets([part["people"] for part in full]),
                persons={
                    name.removeprefix(_PREFIX): np.concatenate([part[name] for part in full])
                    for name in names[0]
                },
                **_loose(full),
                **header,
            ),
            skipped,
        )

    def remove(self) -> None:
        """Delete the parts, once their content is safe elsewhere."""
        shutil.rmtree(self.folder)

    def _path(self, block: int) -> Path:
        return self.folder / f"{block:06d}.npz"

    def _read(self, block: int) -> dict[str, npt.NDArray[Any]]:
        path = self._path(block)
        try:
            with np.load(path) as file:
                return dict(file.items())
        except (OSError, ValueError, EOFError, BadZipFile) as error:
            raise InputError(
                f"{path} is damaged: {error}",
                expected="a part that this program wrote",
                action="delete it and run the same command again; only its frames are predicted anew",
            ) from error


def _packed(
    ids: Sequence[str], poses: Sequence[Poses], skipped: Sequence[Skipped]
) -> dict[str, npt.NDArray[Any]]:
    columns = [one.columns for one in poses]
    if any(set(one) != set(columns[0]) for one in columns):
        raise _changed()
    people = [len(next(iter(one.values()))) for one in columns]
    packed: dict[str, npt.NDArray[Any]] = {
        "ids": np.array(ids, dtype=np.str_),
        "people": np.array(people, dtype=np.int64),
        "skipped": np.frombuffer(msgspec.json.encode(list(skipped)), dtype=np.uint8),
    }
    for name in columns[0] if columns else ():
        packed[_PREFIX + name] = np.concatenate([one[name] for one in columns]).astype(np.float64)
    if any(one.loose is not None for one in poses):
        loose = [np.zeros((0, 5)) if one.loose is None else one.loose for one in poses]
        packed["loose"] = np.concatenate(loose).astype(np.float64)
        packed["loose_counts"] = np.array([len(one) for one in loose], dtype=np.int64)
    return packed


def _loose(parts: Sequence[dict[str, npt.NDArray[Any]]]) -> dict[str, Any]:
    """The columns of joints without people, if any part has them."""
    if not any("loose" in part for part in parts):
        return {}
    rows = np.concatenate([part.get("loose", np.zeros((0, 5))) for part in parts])
    none = [np.zeros(len(part["ids"]), dtype=np.int64) for part in parts]
    counts = [part.get("loose_counts", zeros) for part, zeros in zip(parts, none, strict=True)]
    loose = {"joint": rows[:, 0].astype(np.int64), "position": rows[:, 1:4], "score": rows[:, 4]}
    return {"loose_start": _offsets(counts), "loose": loose}


def _offsets(counts: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)


def _changed() -> PredictionError:
    return PredictionError(
        "the network gave different arrays for different frames",
        expected="the same arrays for every frame, with no rows where nobody is",
        action="return all of them always",
    )
