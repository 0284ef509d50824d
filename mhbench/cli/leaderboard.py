"""`mhbench leaderboard`: add results, build the pages, gate a change, write bundles for platforms."""

from __future__ import annotations

from pathlib import Path

import click

store_option = click.option(
    "--store",
    type=click.Path(path_type=Path),
    default=Path("reports/leaderboard"),
    show_default=True,
    help="Folder of the leaderboard's entries.",
)


@click.group()
def command() -> None:
    """Leaderboards in files: entries that git keeps, pages without a server, and a gate for CI.

    \b
    mhbench leaderboard add result.json --backbone ResNet-50 --year 2024
    mhbench leaderboard build --out site
    mhbench leaderboard check result.json --baseline old-result.json --significant
    """


@command.command(short_help="a result -> an entry of its board")
@click.argument("result", metavar="RESULT.json", type=click.Path(path_type=Path))
@store_option
@click.option("--name", default="", help="Name of the entry; made from the model's name by default.")
@click.option("--link", default="", help="Paper or code, http(s).")
@click.option("--backbone", default="", help="Of the network, such as ResNet-50.")
@click.option("--year", type=int, help="Year of the publication.")
@click.option("--note", default="", help="What a reader must know.")
@click.option("--date", "added", default="", metavar="YYYY-MM-DD", help="Day of the addition; today.")
@click.option(
    "--partial",
    is_flag=True,
    help="Accept missing frames, joints or metrics: marked, and ranked only where whole.",
)
@click.option("--upper-bound", is_flag=True, help="Made from the ground truth: shown, not ranked.")
@click.option(
    "--own-data",
    default="",
    metavar="TEXT",
    help="With the first entry of a board: what its data are, if they are not the official ones.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Report of the same evaluation: show its pictures of the worst frames. Mind the images' licences.",
)
def add(
    result: Path,
    store: Path,
    name: str,
    link: str,
    backbone: str,
    year: int | None,
    note: str,
    added: str,
    *,
    partial: bool,
    upper_bound: bool,
    own_data: str,
    report: Path | None,
) -> None:
    """Add a result, as `mhbench evaluate --out` writes it, to the board of its protocol.

    Refused: other rules, frames or ground truth than the board's, missing frames, joints or metrics
    without --partial, a name or predictions that are there already, another format version.

    \b
    mhbench leaderboard add result.json --backbone ResNet-50 --year 2024 \\
        --link https://example.org/paper
    mhbench leaderboard add result.json --own-data "synthetic, 12 sequences"
    """
    from mhbench.leaderboard.store import add_entry  # noqa: PLC0415 - commands import their work when called

    path = add_entry(
        store,
        result,
        name=name,
        link=link,
        backbone=backbone,
        year=year,
        note=note,
        added=added,
        partial=partial,
        upper_bound=upper_bound,
        own_data=own_data,
        report=report,
    )
    click.echo(f"added {path}")


@command.command(short_help="entries -> pages that need no server")
@store_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("site"),
    show_default=True,
    help="Folder of the pages.",
)
@click.option("--title", default="", help="Heading of all pages.")
def build(store: Path, out: Path, title: str) -> None:
    """Build the pages: static files that need no server and no network, and the same as JSON, CSV, Markdown.

    \b
    mhbench leaderboard build --out site
    """
    from mhbench.leaderboard.site import TITLE, build_site  # noqa: PLC0415 - see add

    click.echo(f"open {build_site(store, out, title=title or TITLE)}")


@command.command(short_help="gate: exit 3 if a result is worse than a baseline")
@click.argument("result", metavar="RESULT.json", type=click.Path(path_type=Path))
@click.option(
    "--baseline", required=True, type=click.Path(path_type=Path), help="A result, or an entry of a board."
)
@click.option("--max-drop", multiple=True, metavar="0.5mm|1%|2deg", help="Loss that is accepted, per unit.")
@click.option("--significant", is_flag=True, help="Any loss that is more than noise fails.")
@click.option("--strict", is_flag=True, help="With --max-drop: a metric must be shown to hold.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML.")
@click.option(
    "--summary",
    type=click.Path(path_type=Path),
    envvar="GITHUB_STEP_SUMMARY",
    help="Append the table as Markdown (default: GITHUB_STEP_SUMMARY).",
)
def check(
    result: Path,
    baseline: Path,
    max_drop: tuple[str, ...],
    *,
    significant: bool,
    strict: bool,
    junit: Path | None,
    summary: Path | None,
) -> int:
    """Gate: exit 3 if a metric of RESULT is worse than the baseline's, beyond noise and the accepted loss.

    Both results must be of one protocol, frames and ground truth; the draws they keep are compared in pairs.

    \b
    mhbench leaderboard check new.json --baseline old.json --significant
    mhbench leaderboard check new.json --baseline old.json \\
        --max-drop 0.5mm --max-drop 1% --junit gate.xml
    """
    from mhbench.errors import UsageError  # noqa: PLC0415 - see add
    from mhbench.evaluation.results import read_result  # noqa: PLC0415
    from mhbench.leaderboard.gate import allowed_losses, check_result, read_baseline  # noqa: PLC0415
    from mhbench.leaderboard.gate_reports import as_junit, as_summary  # noqa: PLC0415
    from mhbench.shards.files import write_atomically  # noqa: PLC0415

    if not max_drop and (strict or not significant):
        raise UsageError(
            "nothing says how much worse is too much",
            expected="--max-drop 0.5mm, or --significant",
            action="give one of them",
        )
    gate = check_result(read_result(result), read_baseline(baseline), allowed_losses(max_drop), strict=strict)
    click.echo(str(gate))
    if junit is not None:
        write_atomically(junit, as_junit(gate))
    if summary is not None:
        with summary.open("a", encoding="utf-8") as file:
            file.write(as_summary(gate))
    return 0 if gate.passed else 3


@command.command(short_help="bundle of a challenge on EvalAI or Codabench")
@click.argument("platform", type=click.Choice(["evalai", "codabench"]))
@click.argument("protocol")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the bundle.")
@click.option("--data", type=click.Path(path_type=Path), help="Pack these shards as the ground truth.")
@click.option("--title", default="", help="Of the challenge.")
@click.option("--image", default="python:3.11", show_default=True, help="Docker image that Codabench uses.")
@click.option(
    "--requirement", default="", help="What pip installs there.  [default: this version of mhbench]"
)
@click.option("--start", default="", metavar="YYYY-MM-DD", help="First day.  [default: today]")
def bridge(
    platform: str,
    protocol: str,
    out: Path,
    data: Path | None,
    title: str,
    image: str,
    requirement: str,
    start: str,
) -> None:
    """Write the bundle of a challenge on EvalAI or Codabench, whose scoring then is `mhbench evaluate`.

    \b
    mhbench leaderboard bridge evalai panoptic/generic --out challenge
    mhbench leaderboard bridge codabench panoptic/generic --out competition
    """
    from mhbench import __version__  # noqa: PLC0415 - see add
    from mhbench.leaderboard.bridges import write_bridge  # noqa: PLC0415

    written = write_bridge(
        "evalai" if platform == "evalai" else "codabench",
        protocol,
        out,
        data=data,
        title=title,
        image=image,
        requirement=requirement or f"mhbench=={__version__}",
        start=start,
    )
    click.echo(f"{len(written)} files in {out}" + ("" if data else "; add the shards as ground truth"))
