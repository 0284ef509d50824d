"""Printed figures: complete, as printed (typed here a second time by hand), with the right protocol."""

from __future__ import annotations

import pytest

from mhbench.errors import ManifestError
from mhbench.manifests import manifest_names, manifest_root
from mhbench.protocols.loading import protocol_names
from mhbench.protocols.published import (
    Paper,
    Table,
    TableColumn,
    TableRow,
    _check_table,
    published_in_words,
    published_papers,
    published_rows,
)

ROW_COUNTS = {
    ("ROMP, supplementary material", "Table 1"): 10,
    ("CRMH", "Table 1"): 3,
    ("CRMH", "Table 2"): 4,
    ("CRMH", "Table 3"): 5,
    ("CRMH", "Table 4"): 2,
    ("CRMH", "Table 5"): 3,
    ("LoCO", "Table 2"): 3,
    ("LoCO", "Table 3"): 12,
    ("LoCO", "Table 4"): 6,
    ("LoCO", "Table 5"): 9,
    ("BodyNet", "Table 1"): 6,
    ("BodyNet", "Table 2"): 10,
    ("BodyNet", "Table 3, T1"): 6,
    ("BodyNet", "Table 3, T2"): 4,
    ("BodyNet", "Table 4"): 1,
    ("BodyNet", "Table A.1"): 2,
    ("BodyNet", "Table A.2"): 4,
    ("BodyNet", "Table A.3"): 9,
    ("BodyNet", "Table A.4, T1"): 3,
    ("BodyNet", "Table A.4, T2"): 3,
}

SPOTS = [
    # protocol, table, method, metric, part, value
    ("mpi_inf_3dhp/romp", "Table 1", "single head, 1 block, HRNet-32", "mpjpe", "", 95.31),
    ("mpi_inf_3dhp/romp", "Table 1", "multiple heads, 3 blocks, ResNet-50", "pmpjpe", "", 71.78),
    ("human36m/crmh", "Table 1", "CRMH", "pmpjpe", "", 52.7),
    ("human36m/hmr-p2", "Table 1", "HMR", "pmpjpe", "", 56.8),
    ("panoptic/zanfir-crmh", "Table 2", "CRMH, full", "mpjpe", "mafia", 133.5),
    ("panoptic/zanfir-crmh", "Table 2", "CRMH, full", "mpjpe", "", 143.2),
    ("mupots/all", "Table 3", "CRMH, full", "pck@150mm", "", 69.12),
    ("mupots/matched", "Table 3", "OpenPose + HMR", "pck@150mm", "", 70.90),
    ("any/collisions", "Table 4", "CRMH, baseline", "collisions.frames", "PoseTrack", 653),
    ("mupots/coherence", "Table 5", "Moon et al.", "depth_order", "", 90.85),
    ("jta/test", "Table 3", "LoCO(2)+", "f1.joint@0.4m", "", 50.82),
    ("jta/test", "Table 3", "YOLOv3 + Martinez et al.", "precision.joint@1.2m", "", 96.33),
    ("jta/test-unrefined", "Table 3", "LoCO(2)", "f1.joint@1.2m", "", 70.40),
    ("panoptic/zanfir-loco", "Table 4", "LoCO(3)+", "mpjpe_abs", "mafia", 105),
    ("panoptic/zanfir-loco", "Table 4", "LoCO(2)+", "f1.person@0.5m", "", 89.21),
    ("human36m/loco-p1", "Table 5", "LoCO(3)+, N = 14", "mpjpe_abs", "", 51.1),
    ("human36m/loco-p2", "Table 5", "LoCO(3)+, N = 14", "pmpjpe", "", 49.1),
    ("surreal/test", "Table 1", "RGB + 2D pose + segmentation + 3D pose", "voxel_iou", "", 58.1),
    (
        "surreal/test",
        "Table 2",
        "end to end with intermediate tasks, front and side",
        "surface_error",
        "s10",
        76.6,
    ),
    ("up3d/t1", "Table 3, T1", "BodyNet", "surface_error", "", 102.5),
    ("up3d/t2", "Table 3, T2", "direct learning", "landmark_error", "", 105.0),
    ("surreal/test", "Table 4", "BodyNet, parts", "part_iou.right_arm", "", 28.3),
    ("surreal/test", "Table A.1", "all tasks trained together", "mpjpe", "", 40.8),
    ("", "Table A.2", "full training, 14 parts, pretrained on SURREAL", "segmentation_macro_f1", "", 0.6397),
    ("human36m/bodynet-p1", "Table A.3", "RGB + 2D pose + segmentation", "mpjpe", "", 49.0),
    ("up3d/t2", "Table A.4, T2", "BodyNet, manual masks", "silhouette_f1", "", 0.90),
]


def test_every_row_of_every_table_is_there():
    counts = {
        (paper.paper, table.name): len(table.row) for paper in published_papers() for table in paper.table
    }
    assert counts == ROW_COUNTS


@pytest.mark.parametrize(("protocol", "table", "method", "metric", "part", "value"), SPOTS)
def test_figures_are_as_printed(protocol, table, method, metric, part, value):
    found = [
        one.value
        for row in published_rows(protocol)
        for one in row.values
        if (row.table, row.method, one.metric, one.part) == (table, method, metric, part)
    ]
    assert found == [value]


def test_the_mean_of_the_activities_is_the_printed_mean():
    for protocol in ("panoptic/zanfir-crmh", "panoptic/zanfir-loco"):
        for row in published_rows(protocol):
            if row.origin == "quoted":
                continue  # two quoted means are not those of their activities; their reason says so
            parts = [one.value for one in row.values if one.part]
            (mean,) = [one.value for one in row.values if one.metric.startswith("mpjpe") and not one.part]
            assert sum(parts) / 4 == pytest.approx(mean, abs=0.51)


def test_f1_of_people_in_bodynets_two_tables_of_one_network_agrees():
    for protocol, first, second in (
        ("up3d/t1", "Table 3, T1", "Table A.4, T1"),
        ("up3d/t2", "Table 3, T2", "Table A.4, T2"),
    ):
        rows = {(row.table, row.method): row for row in published_rows(protocol)}
        network = rows[first, "BodyNet"].values[:3]
        assert network == rows[second, "BodyNet, SMPL projections"].values


def test_quoted_rows_of_other_joint_sets_are_not_comparable_and_the_papers_own_are():
    rows = {row.method: row for row in published_rows("human36m/loco-p2")}
    assert not rows["Moon et al., N = 17"].comparable
    assert rows["Moon et al., N = 17"].origin == "quoted"
    assert rows["LoCO(3)+, N = 14"].comparable
    assert rows["ground-truth volumetric heatmaps, N = 14"].training == "ground truth"


def test_a_figure_that_cannot_be_ranked_does_not_take_the_others_with_it():
    rows = [row for row in published_rows("surreal/test") if row.method == "voxels"]
    assert [(row.comparable, len(row.values)) for row in rows] == [(True, 1), (False, 2)]


def test_protocols_of_printed_figures_belong_to_known_data_sets():
    names = {row.protocol for row in published_rows() if row.protocol}
    assert {name.partition("/")[0] for name in names} <= {*manifest_names("datasets"), "any"}


def test_printed_figures_name_protocols_that_exist():
    assert {row.protocol for row in published_rows() if row.protocol} <= set(protocol_names())


def test_the_printed_frame_ranges_are_those_of_the_subset():
    (ranges,) = [one for paper in published_papers() for one in paper.frame_ranges]
    subset = (manifest_root() / "subsets" / "3dpw.toml").read_text(encoding="utf-8")
    for sequence, (first, end) in ranges.ranges.items():
        (line,) = [line for line in subset.splitlines() if f'"{sequence}"' in line]
        assert f"pc = [{first}, {end}]" in line
    assert sum(end - first for first, end in ranges.ranges.values()) == 1380


def test_words_say_who_measured_and_why_not():
    lines = published_in_words("panoptic/zanfir-loco")
    assert any("LoCO(2)+" in line and "89.21 %" in line and "measured by the paper" in line for line in lines)
    assert any("not comparable" in line for line in lines)
    assert published_in_words("panoptic/generic") == []


def test_a_row_with_too_few_values_or_an_unknown_reference_is_refused():
    columns = (TableColumn(metric="mpjpe", unit="mm"),)
    for row in (TableRow(method="m", values=(1.0, 2.0)), TableRow(method="m", values=(1.0,), reference="9")):
        table = Table(
            name="T", about="", origin="measured", training="not stated", columns=columns, row=(row,)
        )
        with pytest.raises(ManifestError):
            _check_table(Paper(paper="P", title="", venue="", table=(table,)), table)
