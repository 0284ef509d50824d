"""Bundles for platforms that run challenges: EvalAI and Codabench, both of which then call mhbench.

The interfaces are those of the platforms' documentation: EvalAI's challenge configuration and
`evaluate(test_annotation_file, user_submission_file, phase_codename, **kwargs)`; Codabench's bundle v2,
whose scoring program gets the folders `ref` and `res` and writes `scores.json` and `detailed_results.html`.
"""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from typing import TYPE_CHECKING, Any, Final, Literal

import jinja2

from mhbench import __version__
from mhbench.errors import UsageError
from mhbench.evaluation.directions import lower_is_better
from mhbench.leaderboard.submissions import column_key
from mhbench.protocols.loading import protocol_hash, resolve_protocol
from mhbench.protocols.words import protocol_in_words
from mhbench.shards.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mhbench.protocols.loading import Protocol

Platform = Literal["evalai", "codabench"]

IMAGE: Final = "python:3.11"
_DAY: Final = (2020, 1, 1, 0, 0, 0)  # of every file in an archive: the same input gives the same bytes
_EVALAI_PAGES: Final = ("description", "evaluation_details", "submission_guidelines", "terms_and_conditions")


def write_bridge(
    platform: Platform,
    protocol: str,
    folder: Path,
    *,
    data: Path | None = None,
    title: str = "",
    image: str = IMAGE,
    requirement: str = f"mhbench=={__version__}",
    start: str = "",
) -> list[Path]:
    """Write the bundle of a platform and return its files.

    Args:
        platform: whose.
        protocol: full name or alias.
        folder: made if it does not exist.
        data: shards to be packed as the ground truth; without them the organiser adds them.
        title: of the challenge; made from the protocol by default.
        image: Docker image that Codabench scores in.
        requirement: what pip installs there where mhbench is missing.
        start: first day as YYYY-MM-DD; today by default.

    Raises:
        UsageError: no such protocol, or one that shards alone cannot score.
        OutputError: the folder cannot be written.
    """
    rules = resolve_protocol(protocol, None)
    _check_scorable(rules)
    content = _content(rules, title, start or dt.datetime.now(tz=dt.UTC).date().isoformat())
    content |= {"image": image, "requirement": requirement}
    truth = {} if data is None else _shards(data / rules.frames.dataset)
    files = _evalai(content, truth) if platform == "evalai" else _codabench(content, truth)
    for name, text in files.items():
        write_atomically(folder / name, text)
    return [folder / name for name in files]


def _check_scorable(protocol: Protocol) -> None:
    reason = protocol.refused or ("its list of frames is not public" if protocol.frames.user_lists else "")
    if reason:
        raise UsageError(
            f"{protocol.name} cannot be scored on a platform: {reason}",
            expected="a protocol that the shards alone decide",
            action="`mhbench protocols` lists them",
        )


def _content(protocol: Protocol, title: str, start: str) -> dict[str, Any]:
    return {
        "version": __version__,
        "protocol": protocol,
        "hash": protocol_hash(protocol),
        "words": protocol_in_words(protocol),
        "title": title or f"Multi-human 3D pose: {protocol.name}",
        "about": protocol.about,
        "split": protocol.frames.split or "all",
        "start": start,
        "metrics": [
            {"name": rule.name, "key": column_key(rule.name), "lower": lower_is_better(rule.name)}
            for rule in protocol.metric
        ],
    }


def _shards(folder: Path) -> dict[str, bytes]:
    """All shards of a data set and its index, by their path from the folder above."""
    if not (folder / "index.json").is_file():
        raise UsageError(
            f"{folder} holds no converted data set",
            expected="the folder of all shards, with <dataset>/index.json",
            action="convert first, or name the folder with --data",
        )
    paths = [folder / "index.json", *sorted(folder.rglob("*.h5"))]
    return {str(path.relative_to(folder.parent)): path.read_bytes() for path in paths}


def _evalai(content: Mapping[str, Any], truth: Mapping[str, bytes]) -> dict[str, bytes]:
    main = _page("evalai/main.py.j2", content)
    script = {"__init__.py": b"from .main import evaluate\n", "main.py": main}
    files = {f"evaluation_script/{name}": text for name, text in script.items()}
    files |= {
        "evaluation_script.zip": _zipped(script),
        "challenge_config.yaml": _page("evalai/challenge_config.yaml.j2", content),
        "templates/phase.html": _page("evalai/description.html.j2", content),
    }
    files |= {f"templates/{name}.html": _page(f"evalai/{name}.html.j2", content) for name in _EVALAI_PAGES}
    return files | ({"annotations/shards.zip": _zipped(truth)} if truth else {})


def _codabench(content: Mapping[str, Any], truth: Mapping[str, bytes]) -> dict[str, bytes]:
    program = {
        "metadata.yaml": b"command: python3 /app/program/score.py /app/input /app/output\n",
        "score.py": _page("codabench/score.py.j2", content),
    }
    bundle = {
        "competition.yaml": _page("codabench/competition.yaml.j2", content),
        "logo.png": _logo(),
        "scoring_program.zip": _zipped(program),
    }
    bundle |= {
        f"pages/{name}.md": _page(f"codabench/{name}.md.j2", content)
        for name in ("overview", "evaluation", "terms")
    }
    bundle |= {"reference_data.zip": _zipped(truth)} if truth else {}
    # the bundle to upload, and its parts for reading
    return {"bundle.zip": _zipped(bundle)} | bundle


def _page(template: str, content: Mapping[str, Any]) -> bytes:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mhbench.leaderboard"),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    return (environment.get_template(template).render(content).rstrip() + "\n").encode()


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DAY), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _logo() -> bytes:
    """Codabench wants a picture: four people of a crowd, seen as circles."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - only here

    from mhbench.report.style import colour  # noqa: PLC0415 - same

    image = Image.new("RGB", (300, 300), "white")
    draw = ImageDraw.Draw(image)
    for number in range(4):
        x = 60 + 60 * number
        y = 130 + 25 * (number % 2)
        draw.ellipse((x - 22, y - 62, x + 22, y - 18), fill=colour(number))
        draw.rounded_rectangle((x - 26, y - 10, x + 26, y + 90), radius=22, fill=colour(number))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
