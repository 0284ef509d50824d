"""The pages and tables: what they hold, that nothing of an entry becomes markup, and that many stay quick."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from leaderboard_results import PROTOCOL, made_result, saved

from mhbench.errors import InputError
from mhbench.evaluation.results import Breakdown, Value, WorstFrame
from mhbench.leaderboard.entries import BOARD_FILE, Board, Entry, Facts, as_file
from mhbench.leaderboard.pictures import read_picture
from mhbench.leaderboard.site import build_site
from mhbench.leaderboard.store import add_entry, read_boards

REPORTS = Path(__file__).parents[2] / "reports"
HOSTILE = "<script>alert(1)</script>\"'&|`=1+1"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    results = [
        (made_result("first", 80.0), {"backbone": "ResNet-50", "year": 2021}),
        (made_result("second", 83.0, trained_on=None), {"backbone": HOSTILE, "note": HOSTILE}),
        (made_result(HOSTILE, 90.0, trained_on=(HOSTILE, "muco")), {"link": "https://example.org/?a=1&b=2"}),
        (made_result("apart", 70.0, reasons=["option x = y"]), {}),
        (made_result("holes", 75.0, missing=5), {"partial": True}),
        (made_result("truth", 1.0), {"upper_bound": True}),
    ]
    for result, facts in results:
        add_entry(
            folder / "store", saved(folder, result, result.model[:5].strip("<")), added="2026-01-02", **facts
        )
    return folder / "store"


@pytest.fixture(scope="module")
def site(store, tmp_path_factory):
    return build_site(store, tmp_path_factory.mktemp("site")).parent


class Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, _, attributes):
        self.found += [value for name, value in attributes if name in {"href", "src"}]


def test_every_link_of_every_page_leads_to_a_file_or_the_outside(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 100
    for page in pages:
        for link in Links(page.read_text()).found:
            if link.startswith(("https://", "#", "data:")):
                continue
            assert (page.parent / link).is_file(), f"{page}: {link}"


def test_no_page_asks_a_network_for_anything(site):
    for page in site.rglob("*.html"):
        outside = re.findall(r'(?:src|@import|url\()\s*=?\s*["\']?(?:https?:)?//', page.read_text())
        assert not outside, page


def test_nothing_of_an_entry_becomes_markup(site):
    for page in site.rglob("*.html"):
        assert "<script>alert" not in page.read_text(), page
    assert "&lt;script&gt;alert(1)" in (site / PROTOCOL / "index.html").read_text()
    assert "<script>" not in (site / "leaderboard.md").read_text()


def test_ranked_rows_stand_before_the_others_and_reasons_are_given(site):
    text = (site / PROTOCOL / "index.html").read_text()
    ranking, apart = text.split("Kept apart: not comparable")
    assert ranking.index(">first<") < ranking.index(">second<")
    assert "first" not in apart.split("<details>")[0]
    for reason in ("option x = y", "5 of 100 expected frames", "an upper bound, no prediction"):
        assert reason in apart


def test_the_json_holds_unrounded_numbers_ranks_and_hashes(site):
    content = json.loads((site / "leaderboard.json").read_text())
    assert content["format"] == "mhbench-leaderboard/1"
    (board,) = [one for one in content["boards"] if one["protocol"] == PROTOCOL]
    assert board["board"]["gt_sha256"] == "a" * 64
    rows = {row["model"]: row for row in board["rows"]}
    assert rows["first"]["metrics"]["mpjpe_abs"]["value"] == 80.0
    assert rows["first"]["metrics"]["mpjpe_abs"]["rank"] == 1
    assert rows["second"]["metrics"]["mpjpe_abs"]["rank"] == 2
    assert rows["truth"]["metrics"]["mpjpe_abs"]["rank"] is None
    assert rows["holes"]["coverage"] == {"frames": 0.95, "joints": 1.0}
    published = {one["protocol"]: one for one in content["boards"]}["panoptic/zanfir-loco"]
    assert {row["source"] for row in published["rows"]} == {"published"}


def test_the_csv_has_one_line_per_number_and_no_formulas(site):
    rows = list(csv.DictReader(io.StringIO((site / "leaderboard.csv").read_text())))
    (one,) = [row for row in rows if row["model"] == "first" and row["metric"] == "mpjpe_abs"]
    assert (float(one["value"]), one["rank"], one["trained_on"], one["year"]) == (80.0, "1", "coco", "2021")
    assert not [row for row in rows for value in (row["model"], row["backbone"]) if value[:1] in set("=+-@")]


def test_every_line_of_a_markdown_table_has_as_many_cells_as_its_head(site):
    cells = None
    for line in (site / "leaderboard.md").read_text().splitlines():
        count = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
        assert count is None or cells in {None, count}, line
        cells = count


def test_an_entry_page_shows_facts_and_breakdowns(site):
    text = (site / PROTOCOL / "first.html").read_text()
    for part in (
        "ResNet-50",
        "By sequence",
        "pizza",
        "280 matched",
        "200 draws of 12 sequences",
    ):
        assert part in text
    printed = (site / "panoptic" / "zanfir-loco" / "published-loco-table-4-loco-2.html").read_text()
    assert "Printed parts" in printed
    assert "haggling" in printed


def test_an_entry_page_draws_parts_joints_and_lists_the_worst_frames(tmp_path):
    result = made_result("x")
    values = dict.fromkeys(result.metrics, 50.0)
    parts = tuple(
        Breakdown(by="joint", key=joint, metrics={**values, "mpjpe_abs": 10.0 + place})
        for place, joint in enumerate(result.protocol.joints)
    )
    worst = (WorstFrame(frame="band/<b>/1", about="2 missed"),)
    drawn = msgspec.structs.replace(result, breakdown=result.breakdown + parts, worst_frames=worst)
    add_entry(tmp_path / "store", saved(tmp_path, drawn))
    text = (build_site(tmp_path / "store", tmp_path / "site").parent / PROTOCOL / "x.html").read_text()
    assert text.count("<circle") == len(result.protocol.joints)
    assert "<title>right ankle: 24.00 mm</title>" in text
    assert "<code>band/&lt;b&gt;/1</code>: 2 missed" in text
    by_joint = text.split('aria-label="By joint"')[1]
    dots = [float(one) for one in re.findall(r"--a:0;--w:0;--v:(\d+)", by_joint)][:: len(values)]
    assert dots == sorted(dots)
    assert (dots[0], dots[-1]) == (42.0, 100.0)  # 10 and 24, from zero


def test_a_board_on_which_nobody_has_a_number_is_built(tmp_path):
    result = made_result("x")
    nothing = {name: Value(value=None, unit=one.unit) for name, one in result.metrics.items()}
    add_entry(tmp_path / "store", saved(tmp_path, msgspec.structs.replace(result, metrics=nothing)))
    site = build_site(tmp_path / "store", tmp_path / "site").parent
    assert ">x</a>" in (site / PROTOCOL / "index.html").read_text()


def test_the_same_store_gives_the_same_bytes_and_old_pages_go(store, tmp_path):
    build_site(store, tmp_path / "one")
    build_site(store, tmp_path / "two")
    own = tmp_path / "two" / "mine.txt"
    own.write_text("stays")
    listed = tmp_path / "two" / ".leaderboard-files.json"
    (tmp_path / "two" / "gone.html").write_text("an old page")
    listed.write_text(json.dumps([*json.loads(listed.read_text()), "gone.html", "../one/index.html"]))
    build_site(store, tmp_path / "two")
    assert not (tmp_path / "two" / "gone.html").exists()
    own.unlink()
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert all(
        (tmp_path / "one" / one).read_bytes() == (tmp_path / "two" / one).read_bytes() for one in files
    )
    assert len(files) == sum(path.is_file() for path in (tmp_path / "two").rglob("*"))


def test_an_edited_entry_stops_the_build(store, tmp_path):
    import shutil

    shutil.copytree(store, tmp_path / "store")
    path = tmp_path / "store" / PROTOCOL / "first.json"
    path.write_text(path.read_text().replace('"value": 80.0', '"value": 40.0'))
    with pytest.raises(InputError, match="was edited"):
        build_site(tmp_path / "store", tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_board_of_other_data_says_so_everywhere_it_is_seen(tmp_path):
    add_entry(tmp_path / "store", saved(tmp_path, made_result("x")), own_data="synthetic people")
    site = build_site(tmp_path / "store", tmp_path / "site", title="Ours").parent
    for page in ("index.html", f"{PROTOCOL}/index.html", f"{PROTOCOL}/x.html", "leaderboard.md"):
        text = (site / page).read_text()
        assert "synthetic people" in text
        assert re.search("not (the )?official", text, re.IGNORECASE)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thousand") / "store"
    board = folder / PROTOCOL
    board.mkdir(parents=True)
    result = None
    for number in range(1000):
        result = made_result(f"model-{number:04d}", 60.0 + number / 10)
        entry = Entry(
            name=result.model, facts=Facts(added="2026-01-02", year=2000 + number % 25), result=result
        )
        (board / f"{result.model}.json").write_bytes(as_file(entry))
    (board / BOARD_FILE).write_bytes(as_file(Board.of(result)))
    return folder


@pytest.mark.slow
def test_a_thousand_entries_are_built_in_seconds(thousand, tmp_path):
    begin = time.perf_counter()
    site = build_site(thousand, tmp_path / "site").parent
    assert time.perf_counter() - begin < 60.0  # about 2 s; the bound only catches a quadratic mistake
    page = (site / PROTOCOL / "index.html").read_bytes()
    assert page.count(b"<tr data-model") == 1000
    assert len(page) < 4_000_000


def test_a_board_of_precision_and_recall_is_sorted_by_f1(site):
    content = json.loads((site / "leaderboard.json").read_text())
    (board,) = [one for one in content["boards"] if one["protocol"] == "jta/test"]
    assert board["metrics"][0]["name"] == "precision.joint@0.4m"
    ranked = [row["metrics"]["f1.joint@0.4m"] for row in board["rows"] if row["standing"] == "ranked"]
    assert [one["rank"] for one in ranked] == sorted(one["rank"] for one in ranked)
    assert ranked[0]["value"] == max(one["value"] for one in ranked)


def test_what_the_repository_publishes_is_whole_and_says_that_it_is_synthetic():
    boards = {one.board.protocol: one for one in read_boards(REPORTS / "leaderboard")}
    assert set(boards) == {"human36m/loco-p2", "jta/test", "mupots/all", "panoptic/generic"}
    for protocol, one in boards.items():
        bounds = {entry.name: entry for entry in one.entries if entry.facts.upper_bound}
        assert set(bounds) == {"gt", "gt-heatmaps"}
        assert "synthetic" in one.board.own_data
        for path in (f"{protocol}/index.html", f"{protocol}/gt-heatmaps.html"):
            assert "Not the official data" in (REPORTS / "site" / path).read_text()
        for picture in bounds["gt-heatmaps"].facts.pictures:
            stored = read_picture(one.folder / "gt-heatmaps" / picture.file, picture)
            assert stored == (REPORTS / "site" / protocol / "gt-heatmaps" / picture.file).read_bytes()
