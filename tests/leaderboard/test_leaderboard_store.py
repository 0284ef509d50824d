"""The store: what is accepted, what is refused and why, and many additions at once."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

import msgspec
import pytest
from leaderboard_results import PROTOCOL, made_result, saved
from PIL import Image

from mhbench.errors import InputError, MissingInputError, OutputError, UsageError
from mhbench.evaluation.results import WorstFrame
from mhbench.leaderboard.entries import BOARD_FILE
from mhbench.leaderboard.site import build_site
from mhbench.leaderboard.store import add_entry, locked, read_boards, slug


@dataclass
class Store:
    folder: object
    results: object

    def add(self, result, **facts):
        return add_entry(self.folder, saved(self.results, result), added="2026-01-02", **facts)

    @property
    def board(self):
        return self.folder / PROTOCOL


@pytest.fixture
def store(tmp_path):
    (tmp_path / "results").mkdir()
    return Store(tmp_path / "store", tmp_path / "results")


def changed(result, **fields):
    return msgspec.structs.replace(result, **fields)


def test_an_entry_holds_the_result_and_its_facts(store):
    result = made_result("Our Model (v2)")
    path = store.add(result, link="https://example.org/x", backbone="ResNet-50", year=2024, note="hello")
    assert path == store.board / "our-model-v2.json"
    (stored,) = read_boards(store.folder)
    (entry,) = stored.entries
    assert entry.result == result
    assert (entry.facts.added, entry.facts.backbone, entry.facts.year) == ("2026-01-02", "ResNet-50", 2024)
    assert stored.board.gt_sha256 == result.protocol.gt_sha256
    assert stored.board.own_data == ""


def test_a_diff_of_two_entries_shows_one_line_per_number(store):
    lines = store.add(made_result()).read_text().splitlines()
    assert sum('"value"' in line for line in lines) == 9  # eight metrics, and whether it is comparable
    assert all(len(line) < 1300 for line in lines)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("hash", "rules (protocol hash)"),
        ("frames_sha256", "list of frames"),
        ("gt_sha256", "ground truth"),
        ("joints", "scored joints"),
        ("version", "protocol version"),
    ],
)
def test_another_protocol_frame_list_or_ground_truth_is_refused_by_name(store, field, words):
    store.add(made_result("first"))
    other = made_result("second")
    strange = {"joints": ("nose",), "version": 9}.get(field, "0" * 64)
    used = msgspec.structs.replace(other.protocol, **{field: strange})
    with pytest.raises(UsageError, match="does not belong on the board") as caught:
        store.add(changed(other, protocol=used))
    assert words in caught.value.what
    assert len(read_boards(store.folder)[0].entries) == 1


@pytest.mark.parametrize(
    ("given", "what"),
    [({"missing": 3}, "3 of 100 frames"), ({"coverage": 0.9}, "10.00 % of matched people's joints")],
)
def test_missing_frames_or_joints_need_the_flag_and_are_marked(store, given, what):
    store.add(made_result("first"))
    with pytest.raises(UsageError, match=what):
        store.add(made_result("second", **given))
    store.add(made_result("second", **given), partial=True)
    assert [entry.facts.partial for entry in read_boards(store.folder)[0].entries] == [False, True]


def test_the_same_name_and_the_same_predictions_are_refused(store):
    store.add(made_result("first"))
    with pytest.raises(UsageError, match="has an entry 'first' already"):
        store.add(made_result("first"))
    with pytest.raises(UsageError, match="the same predictions are on the board already, as 'first'"):
        store.add(made_result("first"), name="another")


def test_an_edited_number_is_found_and_a_reformatted_file_is_not(store):
    path = store.add(made_result("first", 96.5))
    plain = json.loads(path.read_text())
    path.write_text(json.dumps(plain, sort_keys=True))
    assert read_boards(store.folder)
    plain["result"]["metrics"]["mpjpe_abs"]["value"] = 46.5
    path.write_text(json.dumps(plain))
    with pytest.raises(InputError, match=r"first\.json was edited"):
        read_boards(store.folder)
    with pytest.raises(InputError, match="was edited"):
        store.add(made_result("second"))


def test_a_field_that_only_a_later_version_knows_does_not_look_edited(store):
    path = store.add(made_result("first"))
    plain = json.loads(path.read_text())
    assert "omit" not in plain["result"]
    plain["result"]["later"] = 1
    from mhbench.leaderboard.entries import content_hash

    plain["content_sha256"] = content_hash(plain)
    path.write_text(json.dumps(plain))
    assert read_boards(store.folder)[0].entries[0].name == "first"


def test_other_versions_of_the_formats_are_refused(store):
    path = saved(store.results, made_result())
    path.write_text(path.read_text().replace("mhbench-result/1", "mhbench-result/2"))
    with pytest.raises(InputError, match="mhbench-result/2"):
        add_entry(store.folder, path)
    entry = store.add(made_result("first"))
    entry.write_text(entry.read_text().replace("mhbench-entry/1", "mhbench-entry/2"))
    with pytest.raises(InputError, match="mhbench-entry/2"):
        read_boards(store.folder)


@pytest.mark.parametrize(
    ("metrics", "what"),
    [({"pck@150mm": 140.0}, "140 %"), ({"mpjpe": -3.0}, "-3 mm")],
)
def test_numbers_that_no_evaluation_writes_are_refused(store, metrics, what):
    with pytest.raises(InputError, match=what):
        store.add(made_result(**metrics))


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"link": "javascript:alert(1)"}, "link"),
        ({"link": 'https://x" onclick="y'}, "link"),
        ({"year": 1066}, "year"),
        ({"name": "../../elsewhere"}, "name"),
        ({"name": "_board"}, "name"),
    ],
)
def test_facts_that_could_harm_a_page_or_a_folder_are_refused(store, facts, what):
    with pytest.raises(UsageError, match=rf"\$\.(facts\.)?{what}"):
        store.add(made_result(), **facts)
    assert not store.folder.exists()


def test_a_result_with_a_strange_protocol_name_never_leaves_the_folder(store):
    result = made_result()
    with pytest.raises(UsageError, match="there is no protocol"):
        store.add(changed(result, protocol=msgspec.structs.replace(result.protocol, name="../../x/y")))


def test_only_a_comparable_result_opens_a_board_of_official_data(store):
    strange = made_result("first", reasons=["the shards hold only a part"])
    with pytest.raises(UsageError, match="would open the board"):
        store.add(strange)
    store.add(strange, own_data="three sequences")
    assert read_boards(store.folder)[0].board.own_data == "three sequences"
    with pytest.raises(UsageError, match="--own-data only with the first"):
        store.add(made_result("second"), own_data="four sequences")


def test_a_result_with_options_opens_no_board(store):
    result = made_result()
    used = msgspec.structs.replace(result.protocol, options={"joint": "other"}, hash="1" * 64)
    with pytest.raises(UsageError, match="joint=other"):
        store.add(changed(result, protocol=used), own_data="mine")


def test_an_entry_in_the_wrong_place_is_refused(store):
    path = store.add(made_result("first"))
    path.rename(path.with_name("second.json"))
    with pytest.raises(InputError, match="holds the entry 'first'"):
        read_boards(store.folder)
    with pytest.raises(MissingInputError, match="no leaderboard"):
        read_boards(store.folder / "nothing")


def test_a_lock_says_who_holds_it(store):
    with (
        locked(store.board),
        pytest.raises(OutputError, match=r"locked by process \d+ on"),
        locked(store.board, 0.05),
    ):
        pass
    with locked(store.board, 0.05):
        assert (store.board / ".lock").exists()
    assert not (store.board / ".lock").exists()


def test_many_additions_at_once_lose_nothing_and_let_one_duplicate_in(store):
    paths = [saved(store.results, made_result(f"model-{number}", 90.0 + number)) for number in range(6)]
    script = (
        "import sys\nfrom pathlib import Path\nfrom mhbench.errors import UsageError\n"
        "from mhbench.leaderboard.store import add_entry\n"
        "for one in sys.argv[2:]:\n"
        "    try:\n        add_entry(Path(sys.argv[1]), Path(one)); print('added')\n"
        "    except UsageError as error:\n        assert 'already' in str(error); print('refused')\n"
    )
    order = [str(path) for path in paths]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(store.folder), *turned], stdout=subprocess.PIPE, text=True
        )
        for turned in (order, order[::-1], order[3:] + order[:3])
    ]
    said = [one.communicate()[0].split() for one in running]
    assert [one.returncode for one in running] == [0, 0, 0]
    assert sum(words.count("added") for words in said) == 6
    (stored,) = read_boards(store.folder)
    assert [entry.name for entry in stored.entries] == [f"model-{number}" for number in range(6)]
    assert sorted(path.name for path in store.board.iterdir() if path.name.startswith((".", "_"))) == [
        BOARD_FILE
    ]


@pytest.mark.slow
def test_two_processes_that_add_a_hundred_entries_at_once_lose_none(store):
    paths = [str(saved(store.results, made_result(f"model-{number:03d}", 90.0))) for number in range(100)]
    script = (
        "import sys\nfrom pathlib import Path\nfrom mhbench.leaderboard.store import add_entry\n"
        "for one in sys.argv[2:]:\n    add_entry(Path(sys.argv[1]), Path(one))\n"
    )
    halves = (paths[::2], paths[1::2])
    running = [subprocess.Popen([sys.executable, "-c", script, str(store.folder), *half]) for half in halves]
    assert [one.wait() for one in running] == [0, 0]
    (stored,) = read_boards(store.folder)
    assert [entry.name for entry in stored.entries] == [f"model-{number:03d}" for number in range(100)]


def test_a_metric_that_is_missing_needs_the_flag_and_a_strange_one_is_refused(store):
    whole = made_result("first")
    fewer = {name: one for name, one in whole.metrics.items() if name != "mpjpe"}
    with pytest.raises(UsageError, match="there is no mpjpe"):
        store.add(changed(whole, metrics=fewer))
    path = store.add(changed(whole, metrics=fewer), partial=True)
    assert "partial" in path.read_text()
    more = {**whole.metrics, "fame": whole.metrics["mpjpe"]}
    with pytest.raises(InputError, match="gives no fame"):
        store.add(changed(made_result("second"), metrics=more))


def report_of(store, result, pictures=2):
    """A report as `evaluate --report` leaves it."""
    folder = store.results / "report"
    (folder / "worst").mkdir(parents=True)
    (folder / "result.json").write_bytes(result.to_json())
    for number in range(1, pictures + 1):
        Image.new("RGB", (90, 60), (number * 40, 0, 0)).save(folder / "worst" / f"{number}.png")
    return folder


def test_pictures_of_a_report_are_kept_beside_the_entry_and_checked(store, tmp_path):
    frames = tuple(WorstFrame(frame=f"band/00/{number}", about="1 missed") for number in range(3))
    result = changed(made_result("first"), worst_frames=frames)
    report = report_of(store, result)
    store.add(result, report=report)
    (entry,) = read_boards(store.folder)[0].entries
    assert [one.about for one in entry.facts.pictures] == ["band/00/0: 1 missed", "band/00/1: 1 missed"]
    site = build_site(store.folder, tmp_path / "site").parent
    page = (site / PROTOCOL / "first.html").read_text()
    for picture in entry.facts.pictures:
        assert f'src="first/{picture.file}"' in page
        assert (site / PROTOCOL / "first" / picture.file).stat().st_size < 1000
    with pytest.raises(UsageError, match="the report of another result"):
        store.add(made_result("second"), report=report)
    (report / "worst" / "1.png").write_bytes(b"<svg onload=alert(1)>")
    with pytest.raises(InputError, match=r"1\.png"):
        store.add(result, name="third", report=report)
    Image.new("RGB", (90, 60)).save(store.board / "first" / "2.png")
    with pytest.raises(InputError, match="not the picture that was added"):
        build_site(store.folder, tmp_path / "site")


@pytest.mark.parametrize(
    ("model", "name"),
    [("LoCO(2)+", "loco-2"), ("../x", "x"), ("日本", "unnamed"), ("A" * 200, "a" * 80)],
)
def test_names_of_entries_are_made_from_names_of_models(model, name):
    assert slug(model) == name
