"""Scoring a submission to a platform: what the scripts of the bundles (`bridges`) call there."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mhbench.errors import InputError, MissingInputError, OutputError, PredictionError
from mhbench.evaluation.pipeline import evaluate
from mhbench.leaderboard.admission import check_whole
from mhbench.protocols.loading import load_protocol
from mhbench.shards.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mhbench.evaluation.pipeline import Evaluation

SUFFIXES: Final = (".json", ".json.gz", ".h5", ".hdf5")
SIZE_LIMIT: Final = 8 << 30  # of one unpacked predictions file


def evalai_output(submission: str | Path, truth: str | Path, protocol: str, split: str) -> dict[str, Any]:
    """What `evaluate` of an EvalAI challenge returns: the scores of one split.

    Args:
        submission: predictions file, or a zip with one.
        truth: the annotation file: a zip of the shards, or their folder.
        protocol: full name.
        split: codename of the split of the data set.

    Raises:
        MhbenchError: the submission cannot be scored; EvalAI shows the message to its author.
    """
    with _one_file(Path(submission)) as predictions, _folder(Path(truth)) as data:
        evaluation = _scored(predictions, data, protocol)
    scores = _scores(evaluation)
    result = evaluation.result
    return {
        "result": [{split: scores}],
        "submission_result": scores,
        "submission_metadata": {"comparable": result.comparable.value, "reasons": result.comparable.reasons},
    }


def codabench_output(given: str | Path, folder: str | Path, protocol: str) -> None:
    """What the scoring program of a Codabench competition writes: `scores.json`, `detailed_results.html`.

    Args:
        given: folder with `res` (the submission, unpacked) and `ref` (the shards).
        folder: where the two files are written.
        protocol: full name.

    Raises:
        MhbenchError: the submission cannot be scored; Codabench shows the message to its author.
    """
    from mhbench.report.page import report_page  # noqa: PLC0415 - matplotlib only where a page is made

    data = Path(given) / "ref"
    with _one_file(Path(given) / "res") as predictions:
        evaluation = _scored(predictions, data, protocol)
        scores = {column_key(name): value for name, value in _scores(evaluation).items()}
        page = report_page(evaluation, predictions, data)
        write_atomically(Path(folder) / "detailed_results.html", page.encode())
    write_atomically(Path(folder) / "scores.json", msgspec.json.encode(scores))


def column_key(metric: str) -> str:
    """Name of a metric as a key of Codabench: letters, digits and underscores."""
    return re.sub(r"[^A-Za-z0-9]+", "_", metric)


def _scored(predictions: Path, data: Path, protocol: str) -> Evaluation:
    evaluation = evaluate(predictions, protocol, data)
    check_whole(Path(predictions.name), evaluation.result, partial=False)
    return evaluation


def _scores(evaluation: Evaluation) -> dict[str, float]:
    """The value of every metric of the protocol; platforms need all of them."""
    found = {name: one.value for name, one in evaluation.result.metrics.items()}
    names = [rule.name for rule in load_protocol(evaluation.result.protocol.name).metric]
    missing = [name for name in names if found.get(name) is None]
    if missing:
        raise PredictionError(
            f"the predictions give no {', '.join(missing)}",
            expected="predictions that every metric of the protocol can be computed from",
            action="send joints in the camera's space, and people who can be matched",
        )
    return {name: value for name in names if (value := found[name]) is not None}


@contextmanager
def _one_file(submission: Path) -> Iterator[Path]:
    """The only predictions file of a submission: itself, or in a folder or a zip."""
    if submission.is_dir():
        inside = [path for path in sorted(submission.rglob("*")) if path.name.endswith(SUFFIXES)]
        _check_one(submission, [str(path.relative_to(submission)) for path in inside])
        yield inside[0]
    elif submission.is_file() and zipfile.is_zipfile(submission):
        with tempfile.TemporaryDirectory() as folder:
            yield _unpacked(submission, Path(folder))
    else:
        yield submission  # also if it is not there: reading it says so


def _unpacked(archive: Path, folder: Path) -> Path:
    try:
        with zipfile.ZipFile(archive) as file:
            inside = [one for one in file.infolist() if one.filename.endswith(SUFFIXES)]
            _check_one(archive, [one.filename for one in inside])
            if inside[0].file_size > SIZE_LIMIT:
                raise InputError(
                    f"{inside[0].filename} is {inside[0].file_size} bytes",
                    expected="at most 8 GiB",
                    action="leave out people with a low score, or send fewer columns",
                )
            # under a name of ours, so that no name in the archive leads anywhere
            path = folder / f"predictions{''.join(Path(inside[0].filename).suffixes[-2:])}"
            with file.open(inside[0]) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
    except OSError as error:
        # of a disk that is full or a folder that cannot be written the archive is innocent
        raise OutputError(
            f"{archive.name} could not be unpacked into {folder}: {error}",
            expected="a readable archive and room for what is in it",
            action="make room, or check the permissions",
        ) from error
    except (zipfile.BadZipFile, RuntimeError) as error:
        # zipfile raises the second for a password, and a kind of it for a compression it does not know
        raise InputError(
            f"{archive.name} cannot be unpacked: {error}",
            expected="a plain zip file",
            action="pack it again, without a password, or send the predictions as they are",
        ) from error
    return path


def _check_one(place: Path, names: list[str]) -> None:
    if len(names) != 1:
        raise InputError(
            f"{place.name} holds {len(names)} predictions files ({', '.join(names[:5]) or 'none'})",
            expected=f"exactly one of {', '.join(SUFFIXES)}",
            action="send the predictions of one model alone",
        )


@contextmanager
def _folder(truth: Path) -> Iterator[Path]:
    """The folder of the shards, unpacked where it is an archive; the organiser's own, so it is trusted."""
    if truth.is_dir():
        yield truth
    elif truth.is_file():
        with tempfile.TemporaryDirectory() as folder:
            shutil.unpack_archive(truth, folder, "zip")
            yield Path(folder)
    else:
        raise MissingInputError(
            f"there are no shards at {truth}",
            expected="a zip of the shards, or a folder",
            action="give the path that the challenge has its annotations under",
        )
