"""LaTeX: nothing of a name becomes a command, and every row has as many cells as the head."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leaderboard_results import made_result

from mhbench.evaluation.comparison import compare_results
from mhbench.report.latex import comparison_table, document, latex_text, metrics_table, part_table, result_row

HOSTILE = r"\input{/etc/passwd} & 50% #1 $x$ {a}_b^c~ \\ "


def cells(table):
    """Cells of the head and of each row."""
    body = table.split(r"\toprule")[1].split(r"\bottomrule")[0].replace(r"\midrule", "")
    return [re.split(r"(?<!\\)&", row) for row in body.split(r" \\" + "\n") if row.strip()]


@given(st.text(max_size=40))
def test_any_text_loses_its_meaning(text):
    made = latex_text(text)
    bare = re.sub(r"\\text[a-z]+\{\}|\\[&%$#_{}]|\$\\geq\$", "", made)
    assert not set(bare) & set('\\&%$#_{}~^<>|"\n')


@pytest.mark.parametrize(
    "table",
    [
        metrics_table(made_result(HOSTILE, reasons=[HOSTILE])),
        result_row(made_result(HOSTILE)),
        part_table(made_result(HOSTILE), "sequence"),
        comparison_table(compare_results(made_result("a"), made_result(HOSTILE, 103.0))),
    ],
)
def test_every_row_has_the_cells_of_the_head(table):
    rows = cells(table)
    assert len(rows) > 1
    columns = len(re.search(r"\\begin\{tabular\}\{([lrc]+)\}", table)[1])
    assert {len(row) for row in rows} == {columns}
    assert r"\input" not in table


def test_the_better_model_is_bold_only_beyond_chance():
    rows = cells(comparison_table(compare_results(made_result("a", 100.0), made_result("b", 90.0))))
    error = next(row for row in rows if "mpjpe\\_abs" in row[0])
    assert "textbf" not in error[1]
    assert error[2].strip() == r"\textbf{90.00}"
    assert error[3].strip() == "$-$10.00"
    same = cells(comparison_table(compare_results(made_result("a", 100.0), made_result("a", 100.0))))
    assert not any("textbf" in cell for row in same for cell in row)


def test_a_value_that_is_not_defined_is_a_dash():
    result = made_result()
    metrics = {
        **result.metrics,
        "mpjpe": msgspec.structs.replace(result.metrics["mpjpe"], value=None, ci95=None),
    }
    row = next(
        row
        for row in cells(metrics_table(msgspec.structs.replace(result, metrics=metrics)))
        if row[0] == "mpjpe "
    )
    assert row[2].strip() == "--"


def test_the_document_takes_in_every_table():
    text = document(["metrics", "by-joint"], [])
    assert text.count(r"\input{tables/") == 2
    assert (
        text.index(r"\begin{document}")
        < text.index(r"\input{tables/metrics}")
        < text.index(r"\end{document}")
    )
