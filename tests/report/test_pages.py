"""Pages of reports, made by the commands: what each kind of scoring shows; how they are in a browser."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from chromium import BINARY, Chromium
from pictures import assert_looks_like

from mhbench.cli.main import main
from mhbench.conversion.pipeline import convert
from mhbench.predictions.table import PredictionTable
from mhbench.predictions.writing import write_predictions
from mhbench.running.ground_truth import run_ground_truth
from mhbench.synthetic import body
from mhbench.synthetic.body_model import write_body_models
from mhbench.synthetic.raw import jta, panoptic
from mhbench.synthetic.scenes import scene

DASH = "\u2013"  # what is not given
HOSTILE = "<script>alert(1)</script> & 100 %"


def run(*words):
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    return caught.value.code


def disturbed(truth, noise_m, seed, **header):
    """Noise that grows with the distance, a tenth of the people missing, and scores that tell how far off."""
    generator = np.random.default_rng(seed)
    kept = truth.keep(generator.random(truth.person_count) > 0.1)
    joints = kept.persons["joints3d"]
    spread = noise_m * np.exp(generator.normal(0.0, 0.5, len(joints)))
    moved = joints + spread[:, None, None] * generator.normal(size=joints.shape)
    return replace(kept, persons={"joints3d": moved, "score": 1.0 / (1.0 + spread)}, **header)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Shards of two sets, and predictions of two models."""
    folder = tmp_path_factory.mktemp("pages")
    crowd = scene(frames=12, people=4, motion="crowd", seed=2, cameras=("00_16", "00_30"), fps=3.0)
    panoptic.write(crowd, folder / "raw" / "panoptic", seed=2, sequence="170101_crowd", images=False)
    jta.write(scene(frames=20, people=6, motion="walk", seed=1), folder / "raw" / "jta", images=False)
    for name in ("panoptic", "jta"):
        convert(name, folder / "raw" / name, folder / "shards", jobs=1, engine="serial")
        truth = run_ground_truth(folder / "shards" / name)
        for letter, noise in (("a", 0.03), ("b", 0.05)):
            model = HOSTILE if letter == "a" else "second"
            write_predictions(
                disturbed(truth, noise, ord(letter), model=model), folder / f"{name}-{letter}.json"
            )
    return folder


def result_of(folder, predictions, protocol, name, *more):
    out = folder / f"{name}-result.json"
    words = (folder / predictions, "--protocol", protocol, "--data", folder / "shards", "--bootstrap", 200)
    assert run("evaluate", *words, "--out", out, *more) == 0
    return out


def evaluated(folder, predictions, protocol, name):
    report = folder / f"{name}-report"
    result_of(folder, predictions, protocol, name, "--report", report)
    return report


@pytest.fixture(scope="module")
def report(folder):
    return evaluated(folder, "panoptic-a.json", "panoptic/generic", "a")


@pytest.fixture(scope="module")
def comparison(folder, report):
    second = result_of(folder, "panoptic-b.json", "panoptic/generic", "b")
    words = (report / "result.json", second, "--by", "joint")
    assert run("compare", *words, "--report", folder / "comparison") == 0
    return folder / "comparison"


def names(report):
    return {path.stem for path in (report / "figures").glob("*.pdf")}


def test_poses_get_curves_body_maps_trends_and_the_order_of_depth(report):
    assert names(report) == {
        *("pck-curve", "matched-distances", "joint-errors", "precision-recall", "body-map"),
        *("error-by-distance", "error-by-people", "depth-order", "by-camera"),
    }
    for name in names(report):
        for kind in ("svg", "png"):
            assert (report / "figures" / f"{name}.{kind}").stat().st_size > 2000, name
    assert {path.stem for path in (report / "worst").iterdir()} == set("123456")
    assert not (report / "collisions").exists()
    document = (report / "report.tex").read_text()
    for kind, ending in (("input{tables/", ".tex"), ("includegraphics[width=\\linewidth]{figures/", "")):
        for found in re.findall(re.escape(f"\\{kind}") + r"([^}]+)\}", document):
            place = "tables" if ending else "figures"
            assert (report / place / f"{found}{ending}").is_file(), found


def test_joints_without_people_get_shares_and_nothing_about_people(folder):
    report = evaluated(folder, "jta-a.json", "jta/test", "jta")
    assert "shares-by-distance" in names(report)
    assert not names(report) & {"pck-curve", "body-map", "precision-recall", "depth-order"}
    assert "f1.joint@0.4m" in (report / "index.html").read_text()
    assert (report / "worst" / "1.png").exists()


def test_colliding_bodies_get_a_gallery(folder, monkeypatch):
    write_body_models(folder / "bodies")
    monkeypatch.setenv("MHBENCH_BODIES", str(folder / "bodies"))
    places = [[0, 0, 3], [0.25, 0, 3], [0, 0, 3], [2, 0, 3]]
    vertices = np.array([body().template + place for place in places], dtype=np.float32)
    given = PredictionTable(
        dataset="posetrack",
        frame_ids=np.array(["walk/0/0", "walk/0/1"]),
        person_start=np.array([0, 2, 4]),
        persons={"vertices": vertices},
        space="camera",
        model="bodies",
    )
    write_predictions(given, folder / "bodies.h5")
    report = evaluated(folder, "bodies.h5", "any/collisions", "bodies")
    assert [path.name for path in (report / "collisions").iterdir()] == ["1.png"]
    assert "walk/0/0: 1 pair collides" in (report / "index.html").read_text()
    assert_looks_like((report / "collisions" / "1.png").read_bytes(), "report_collision")


@pytest.mark.parametrize("name", ["body-map", "depth-order", "error-by-distance", "joint-errors"])
def test_figures_look_as_they_did(report, name):
    assert_looks_like((report / "figures" / f"{name}.png").read_bytes(), f"report_{name}")


def test_two_models_are_scattered_and_their_difference_is_on_a_body(comparison):
    assert names(comparison) == {"differences", "model-scatter", "body-map-difference"}
    assert_looks_like((comparison / "figures" / "model-scatter.png").read_bytes(), "report_model-scatter")
    text = (comparison / "index.html").read_text()
    assert "A is better" in text
    assert "By joint" in text


def test_nothing_of_a_name_becomes_markup(report, comparison):
    for page in (report, comparison):
        text = (page / "index.html").read_text()
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text


browser_only = [
    pytest.mark.browser,
    pytest.mark.skipif(not BINARY.exists(), reason=f"{BINARY} is not installed (Debian package chromium)"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Chromium(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


class TestInABrowser:
    pytestmark = browser_only

    @pytest.mark.parametrize("which", ["report", "comparison"])
    @pytest.mark.parametrize("width", [1280, 390])
    def test_a_page_needs_nothing_else_and_never_scrolls_sideways(
        self, browser, request, which, width, tmp_path
    ):
        page = tmp_path / "alone.html"  # without what lies beside it
        page.write_bytes((request.getfixturevalue(which) / "index.html").read_bytes())
        browser.faults.clear()
        browser.requests.clear()
        browser.open(page, width=width)
        assert browser.faults == []
        outside = {one for one in browser.requests if not one.startswith(("about:", "data:"))}
        assert outside == {page.as_uri()}
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.run("[...document.images].every(one => one.naturalWidth)")

    @pytest.mark.parametrize(("picture", "dark"), [("report_page", False), ("report_page_dark", True)])
    def test_a_page_looks_as_it_did(self, browser, report, picture, dark):
        browser.open(report / "index.html", height=1400, dark=dark)
        assert_looks_like(browser.screenshot(), picture)

    def test_parts_are_sorted_by_the_keyboard_with_what_is_missing_last(self, browser, report):
        browser.open(report / "index.html")
        table = "document.querySelector('[aria-label=\"By joint\"] table')"
        browser.run(f"{table}.tBodies[0].rows[3].cells[1].textContent = {DASH!r}")
        browser.run(f"{table}.tHead.querySelectorAll('button')[1].focus()")
        values = f"[...{table}.tBodies[0].rows].map(row => row.cells[1].textContent)"
        for key, turned in (("Enter", False), (" ", True)):
            browser.press(key)
            found = browser.run(values)
            assert found[-1] == DASH
            numbers = [float(one) for one in found[:-1]]
            assert numbers == sorted(numbers, reverse=turned)
        assert browser.run(f"{table}.querySelectorAll('[aria-sort]').length") == 1

    def test_every_picture_and_table_says_what_it_is(self, browser, report):
        browser.open(report / "index.html")
        assert browser.run("[...document.images].every(one => one.alt.length > 20)")
        assert browser.run(
            "[...document.querySelectorAll('svg')].every(one => one.getAttribute('aria-label'))"
        )
        assert browser.run(
            "[...document.querySelectorAll('.scroll')].every(one => one.tabIndex === 0 && one.ariaLabel)"
        )
        assert browser.run(
            "[...document.querySelectorAll('nav a')].every(one => document.querySelector(one.hash))"
        )


def test_the_documentation_names_the_figures_that_there_are(report, comparison):
    text = (Path(__file__).parents[2] / "docs" / "report.md").read_text()
    for name in names(report) | names(comparison):
        assert f"`{name}`" in text or f"`-{name.rpartition('-')[2]}`" in text, name
