"""Numbers and tables as a terminal shows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhbench.evaluation.printing import LINE, interval, number, table


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (10.0, "", "10"),
        (10.5, "", "10.50"),
        (1234.5678, "", "1235"),
        (1234.5678, "mm", "1234.57"),
        (10.0, "mm", "10.00"),
        (-0.001, "mm", "0.00"),
        (None, "mm", "n/a"),
        (float("inf"), "", "inf"),
        (float("inf"), "mm", "inf"),
    ],
)
def test_counts_are_whole_where_they_can_be(value, unit, text):
    assert number(value, unit) == text


def test_differences_have_signs():
    assert number(3.0, "", sign=True) == "+3"
    assert interval((-1.0, 2.5), "", sign=True) == "[-1, +2.50]"
    assert interval(None, "mm") == ""


@given(st.lists(st.tuples(st.text("ab", max_size=70), st.text("12", max_size=30), st.text("x", max_size=30))))
def test_no_table_is_wider_than_a_terminal(rows):
    lines = table([("metric", "value", "unit"), *rows], left=(0, 2))
    assert max(map(len, lines)) <= LINE
    words = " ".join(lines).split()
    assert [word for row in rows for cell in row for word in cell.split()] == words[3:]
