"""The pages in a real browser: sorting, filtering, keyboard, links, looks; no errors, no network."""

from __future__ import annotations

import time

import pytest
from chromium import BINARY, Chromium
from leaderboard_results import PROTOCOL, made_result, saved
from pictures import assert_looks_like

from mhbench.leaderboard.entries import BOARD_FILE, Board, Entry, Facts, as_file
from mhbench.leaderboard.site import build_site
from mhbench.leaderboard.store import add_entry

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not BINARY.exists(), reason=f"{BINARY} is not installed (Debian package chromium)"),
]

MIXED = "panoptic/zanfir-loco"  # papers print figures of it
ROWS = "[...document.querySelector('table tbody').rows]"
MODELS = f"{ROWS}.filter(row => !row.hidden).map(row => row.dataset.model)"
RANKS = f"{ROWS}.map(row => row.cells[0].textContent)"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    made = [
        ("alpha", 80.0, {"backbone": "ResNet-50", "year": 2021}, {}),
        ("beta", 80.1, {"backbone": "HRNet-32", "year": 2022}, {"trained_on": ("coco", "muco")}),
        ("gamma", 86.0, {"backbone": "HRNet-32", "year": 2023}, {"pck@150mm": 90.0}),
        ("delta", 92.0, {}, {"trained_on": None}),
        ("apart", 60.0, {}, {"reasons": ["option x = y"]}),
    ]
    for model, level, facts, fields in made:
        path = saved(folder, made_result(model, level, **fields))
        add_entry(folder / "store", path, added="2026-01-02", **facts)
    mixed = made_result("mine", 70.0, protocol=MIXED)
    add_entry(folder / "store", saved(folder, mixed), added="2026-01-02")
    return build_site(folder / "store", folder / "site").parent


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Chromium(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def page(browser, site):
    """A board in the browser; afterwards nothing may have gone wrong on any page."""
    browser.faults.clear()
    browser.requests.clear()
    browser.open(site / PROTOCOL / "index.html")
    yield browser
    assert browser.faults == []
    assert {address.partition(":")[0] for address in browser.requests} <= {"file", "about", "data"}


def click(page, name):
    page.run(
        f"[...document.querySelectorAll('thead button')].find(one => one.dataset.name === {name!r}).click()"
    )


def choose(page, name, value):
    page.run(
        f"(() => {{ const one = document.forms[0].elements[{name!r}]; one.value = {value!r};"
        " one.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


def test_rows_begin_best_first_and_share_a_rank_where_noise_decides(page):
    assert page.run(MODELS) == ["alpha", "beta", "gamma", "delta"]
    assert page.run(RANKS) == ["1", "1", "3", "4"]


def test_a_click_sorts_best_first_ranks_by_that_metric_and_a_second_turns_it(page):
    click(page, "pck@150mm")
    assert page.run(MODELS)[0] == "gamma"
    assert page.run(RANKS)[0] == "1"
    assert page.run("document.querySelector('thead .by').textContent") == "by pck@150mm"
    assert page.run("document.querySelectorAll('[aria-sort]').length") == 1
    click(page, "pck@150mm")
    assert page.run(MODELS)[-1] == "gamma"
    assert page.run("document.querySelector('[aria-sort]').getAttribute('aria-sort')") == "ascending"


def test_what_is_missing_comes_last_in_both_directions(page):
    for expected in ("gamma", "alpha"):
        click(page, "year")
        assert page.run(MODELS)[0] == expected
        assert page.run(MODELS)[-1] == "delta"
    click(page, "model")
    assert page.run(MODELS) == ["alpha", "beta", "delta", "gamma"]


@pytest.mark.parametrize(
    ("name", "value", "models"),
    [
        ("training", "muco", ["beta"]),
        ("training", "not stated", ["delta"]),
        ("backbone", "HRNet-32", ["beta", "gamma"]),
        ("year", "2021", ["alpha"]),
        ("find", "ALPH", ["alpha"]),
    ],
)
def test_filters_keep_what_fits_say_how_many_and_can_be_shared(page, site, name, value, models):
    choose(page, name, value)
    assert page.run(MODELS) == models
    assert page.run("document.querySelector('output').textContent").startswith(f"{len(models)} of 5 rows")
    fragment = page.run("location.hash")
    page.open(site / PROTOCOL / "index.html", fragment=fragment)
    assert page.run(MODELS) == models
    page.run("document.forms[0].reset()")
    page.run("new Promise(done => setTimeout(done, 20))")
    assert len(page.run(MODELS)) == 4


def test_verified_and_published_rows_stand_in_one_ranking_and_can_be_told_apart(page, site):
    page.open(site / MIXED / "index.html")
    together = page.run(MODELS)
    assert together[:2] == ["LoCO(2)+", "mine"]
    assert page.run(RANKS)[:2] == ["1", "1"]  # 69 mm lies inside the interval around 70 mm
    choose(page, "source", "verified")
    assert page.run(MODELS) == ["mine"]
    choose(page, "source", "published")
    assert page.run(MODELS) == [model for model in together if model != "mine"]


def test_the_keyboard_reaches_and_uses_everything(page):
    page.press("Tab")
    assert page.run("document.activeElement.textContent") == "Skip to the content"
    for _ in range(40):
        page.press("Tab")
        if page.run("document.activeElement.dataset.name || ''") == "mpjpe":
            break
    page.press("Enter")
    assert page.run("document.querySelector('[aria-sort] button').dataset.name") == "mpjpe"
    page.press(" ")
    assert page.run(MODELS) == ["delta", "gamma", "beta", "alpha"]
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_links_lead_from_the_overview_to_a_row_and_back(page, site):
    page.open(site / "index.html")
    # what is scored comes first
    assert page.run("document.querySelector('tbody tr a').textContent") == PROTOCOL
    for selector in ("tbody tr a", "tbody tr a", "nav a:nth-of-type(2)"):
        before = page.run("location.href")
        page.run(f"document.querySelector({selector!r}).click()")
        while page.run("location.href") == before:
            time.sleep(0.02)
        page.wait_for_load()
    assert page.run("document.querySelector('h1').textContent") == PROTOCOL


def test_every_control_and_table_has_a_name(page):
    nameless = (
        "[...document.querySelectorAll('input, select')].filter(one => !one.labels.length).length"
        " + [...document.querySelectorAll('table')].filter(one => !one.caption).length"
        " + [...document.querySelectorAll('button')].filter(one => !one.textContent.trim()).length"
    )
    assert page.run(nameless) == 0


@pytest.mark.parametrize("name", ["index.html", f"{PROTOCOL}/index.html", f"{PROTOCOL}/alpha.html"])
def test_a_phone_scrolls_tables_and_never_the_page(page, site, name):
    page.open(site / name, width=390, height=844)
    assert page.run("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(
    ("picture", "name", "width", "dark"),
    [
        ("leaderboard_board", f"{PROTOCOL}/index.html", 1280, False),
        ("leaderboard_board_dark", f"{PROTOCOL}/index.html", 1280, True),
        ("leaderboard_board_phone", f"{PROTOCOL}/index.html", 390, False),
        ("leaderboard_row", f"{PROTOCOL}/alpha.html", 1280, False),
    ],
)
def test_pages_look_as_they_did(page, site, picture, name, width, dark):
    page.open(site / name, width=width, height=844, dark=dark)
    assert_looks_like(page.screenshot(), picture)


def test_a_very_long_table_is_laid_out_in_part_until_somebody_asks(page, tmp_path):
    folder = tmp_path / "store" / PROTOCOL
    folder.mkdir(parents=True)
    for number in range(300):  # as `benchmarks/leaderboard.py` does with a thousand
        made = made_result(f"model-{number:03d}", 60.0 + number / 10)
        entry = Entry(name=made.model, facts=Facts(added="2026-01-02"), result=made)
        (folder / f"{made.model}.json").write_bytes(as_file(entry))
    (folder / BOARD_FILE).write_bytes(as_file(Board.of(made)))
    board = build_site(tmp_path / "store", tmp_path / "site").parent / PROTOCOL / "index.html"
    page.open(board)
    shown = f"{ROWS}.filter(row => row.offsetHeight).map(row => row.dataset.model)"
    assert len(page.run(MODELS)) == 300
    assert page.run(shown) == [f"model-{number:03d}" for number in range(200)]
    click(page, "mpjpe_abs")
    click(page, "mpjpe_abs")  # worst first
    assert page.run(shown)[0] == "model-299"
    choose(page, "find", "model-05")
    assert page.run(shown) == [f"model-{number:03d}" for number in range(59, 49, -1)]
    page.open(board)
    assert page.run("document.querySelector('.more').textContent.trim()") == "Show all 300 rows"
    page.run("document.querySelector('.more button').click()")
    assert len(page.run(shown)) == 300
    assert page.run("document.querySelector('.more').hidden")
