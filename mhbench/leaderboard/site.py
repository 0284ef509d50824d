"""The pages of a leaderboard: a folder of static files that needs neither a server nor a network."""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING, Any, Final

import jinja2
import msgspec

from mhbench import __version__
from mhbench.evaluation.printing import number
from mhbench.leaderboard.boards import board_views
from mhbench.leaderboard.pictures import read_picture
from mhbench.leaderboard.plots import part_tables
from mhbench.leaderboard.ranking import is_ranked
from mhbench.leaderboard.store import read_boards
from mhbench.leaderboard.tables import as_csv, as_json, as_markdown, markdown_cell
from mhbench.shards.files import unwritable

if TYPE_CHECKING:
    from pathlib import Path

    from mhbench.leaderboard.boards import BoardView
    from mhbench.leaderboard.rows import Row

TITLE: Final = "Multi-human 3D pose leaderboard"
_LIST: Final = ".leaderboard-files.json"  # what the last build wrote, so that the next one can tidy up


def build_site(store: Path, folder: Path, *, title: str = TITLE) -> Path:
    """Write all pages and tables of a store and return the path of the overview.

    The same store gives the same bytes. Pages of entries that are gone are removed; other files in the folder
    are left alone.

    Raises:
        MissingInputError: there is no such store.
        InputError: an entry or a picture was edited or does not belong where it lies.
        OutputError: the folder cannot be written.
    """
    files = site_files(board_views(read_boards(store)), title)
    try:
        _write(folder, files)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder / "index.html"


def site_files(views: list[BoardView], title: str) -> dict[str, bytes]:
    """All files of the site: relative path -> content."""
    environment = _environment()
    shared = {"title": title, "version": __version__}

    def page(template: str, path: str, **content: Any) -> tuple[str, bytes]:
        root = "../" * path.count("/")
        text = environment.get_template(template).render(root=root, **shared, **content)
        return path, text.encode()

    best = {view.name: _best(view) for view in views}
    files = dict([page("overview.html.j2", "index.html", views=views, best=best)])
    for view in views:
        files |= [
            page(
                "board.html.j2",
                f"{view.name}/index.html",
                view=view,
                parts=_parts(view),
                choices=_choices(view.rows),
            )
        ]
        files |= [
            page(
                "row.html.j2",
                f"{view.name}/{row.key}.html",
                view=view,
                row=row,
                place=place,
                tables=part_tables(row.entry.result.breakdown) if row.entry else [],
            )
            for place, row in enumerate(view.rows)
        ]
        files |= _pictures(view)
    files["leaderboard.json"] = as_json(views, title)
    files["leaderboard.csv"] = as_csv(views)
    files["leaderboard.md"] = as_markdown(views, title, environment)
    templates = importlib.resources.files("mhbench.leaderboard").joinpath("templates")
    for name in ("leaderboard.css", "leaderboard.js"):
        files[name] = templates.joinpath(name).read_bytes()
    return files


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mhbench.leaderboard"),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{100.0 * share:.4g} %"
    environment.filters["cell"] = markdown_cell
    environment.filters["number"] = number
    return environment


def _parts(view: BoardView) -> dict[str, list[int]]:
    """Places of the rows in the three tables of a page."""
    names = {"ranked": "ranked", "broken": "training rule broken", "apart": "not comparable"}
    return {
        part: [place for place, row in enumerate(view.rows) if row.standing == standing]
        for part, standing in names.items()
    }


def _choices(rows: tuple[Row, ...]) -> dict[str, list[str]]:
    """What the filters offer."""
    return {
        "training": sorted({name for row in rows for name in row.training}),
        "backbone": sorted({row.backbone for row in rows if row.backbone}),
        "year": sorted({str(row.year) for row in rows if row.year}, reverse=True),
        "source": sorted({row.source for row in rows}, reverse=True),
    }


def _best(view: BoardView) -> str:
    """The first verified row that is ranked, with its number."""
    for row in view.rows:
        if row.source == "verified" and is_ranked(row, view.headline):
            one = row.cells[view.headline]
            return f"{row.model}: {one.text} {one.unit} {view.headline}"
    return ""


def _pictures(view: BoardView) -> dict[str, bytes]:
    """The stored pictures of all entries, by their paths on the site, which are those in the store."""
    return {
        f"{view.name}/{row.key}/{one.file}": read_picture(view.folder / row.key / one.file, one)
        for row in view.rows
        if row.entry and view.folder
        for one in row.entry.facts.pictures
    }


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder / _LIST
    before = msgspec.json.decode(listed.read_bytes(), type=list[str]) if listed.exists() else []
    for name in set(before) - set(files):
        old = (folder / name).resolve()
        if old.is_relative_to(folder.resolve()):
            old.unlink(missing_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    listed.write_bytes(msgspec.json.format(msgspec.json.encode(sorted(files)), indent=1) + b"\n")
