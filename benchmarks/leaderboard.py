"""A leaderboard of a thousand entries: how long it is built, and how soon its page is of use in a browser.

The entries are made up; the pages are those of `mhbench leaderboard build`. The browser is Debian's Chromium
without a GPU, driven as in the tests; interactive means that sorting and filtering answer. Floor: 1 s.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from pathlib import Path

from measuring import Report, arguments, claim, machine, show, summarise, write

from mhbench.leaderboard.entries import BOARD_FILE, Board, Entry, Facts, as_file
from mhbench.leaderboard.site import build_site

# made-up results and the browser are those of the tests
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
chromium = importlib.import_module("chromium")
results = importlib.import_module("leaderboard_results")

ENTRIES = 1000
FLOOR_S = 1.0
READY = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
TIMED = (
    "(() => { const begin = performance.now(); %s; document.body.offsetHeight;"
    " return performance.now() - begin; })()"
)
STEPS = {
    "sort by a metric": "document.querySelector('[data-name=\"pck@150mm\"]').click()",
    "find a model": (
        "(() => { const one = document.forms[0].elements.find; one.value = 'model-01';"
        " one.dispatchEvent(new Event('input', {bubbles: true})); })()"
    ),
}


def fill(store: Path) -> None:
    """Write a thousand entries that differ in everything the filters know."""
    board = store / results.PROTOCOL
    board.mkdir(parents=True)
    for number in range(ENTRIES):
        trained = (("coco", "muco", "jta", "panoptic")[number % 4],)
        result = results.made_result(f"model-{number:04d}", 60.0 + number / 10, trained_on=trained)
        facts = Facts(added="2026-01-02", year=2000 + number % 25, backbone=f"Net-{number % 7}")
        entry = Entry(name=result.model, facts=facts, result=result)
        (board / f"{entry.name}.json").write_bytes(as_file(entry))
    (board / BOARD_FILE).write_bytes(as_file(Board.of(result)))


def browse(page: Path, folder: Path, repeats: int) -> dict[str, list[float]]:
    """Seconds until the page answers, and of each step on it."""
    browser = chromium.Chromium(folder)
    found: dict[str, list[float]] = {name: [] for name in ("page interactive", *STEPS)}
    for _ in range(repeats):
        browser.open(page)
        found["page interactive"].append(browser.run(READY) / 1000.0)
        for name, step in STEPS.items():
            found[name].append(browser.run(TIMED % step) / 1000.0)
    browser.close()
    return found


def main() -> None:
    options = arguments(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        fill(work / "store")
        begin = time.perf_counter()
        page = build_site(work / "store", work / "site").parent / results.PROTOCOL / "index.html"
        built = time.perf_counter() - begin
        found = browse(page, work / "profile", options.repeats)
    measured = {name: summarise(name, seconds) for name, seconds in {"build": [built], **found}.items()}
    ready = measured["page interactive"].median
    report = Report(
        benchmark="leaderboard",
        about=f"{ENTRIES} entries on one board, and its page in headless Chromium",
        seed=options.seed,
        settings={"entries": ENTRIES},
        machine=machine(),
        measurements=list(measured.values()),
        claims=[claim("page of a thousand entries interactive", ready, "s", floor=FLOOR_S, wanted="at most")],
    )
    show(report)
    write(report, options.out)


if __name__ == "__main__":
    main()
