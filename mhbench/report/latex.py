"""Tables for LaTeX (package booktabs): the metrics of a result, its parts, and two results side by side."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mhbench.evaluation.directions import lower_is_better
from mhbench.evaluation.printing import interval, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mhbench.evaluation.comparison import Comparison
    from mhbench.evaluation.results import Result, Value
    from mhbench.report.paper_figures import PaperFigure

_SPECIAL: Final = {
    **{one: f"\\{one}" for one in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "≥": r"$\geq$",
}
_SPECIALS: Final = re.compile("|".join(re.escape(one) for one in _SPECIAL))
# a name of a metric or a model may hold anything; what no engine prints is left out
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")


def latex_text(text: str) -> str:
    """Text that means only itself in LaTeX."""
    return _SPECIALS.sub(lambda found: _SPECIAL[found[0]], _CONTROL.sub(" ", text))


def metrics_table(result: Result) -> str:
    """One row per metric: value and 95 % interval."""
    rows = [
        [latex_text(name), _arrow(name), _value(one), _interval(one), latex_text(one.unit)]
        for name, one in result.metrics.items()
    ]
    used = result.protocol
    caption = (
        f"{latex_text(result.model)} under {latex_text(used.name)} v{used.version}"
        f" (rules \\texttt{{{used.hash[:12]}}}), {result.counts.frames} frames,"
        f" {result.counts.gt_persons or result.counts.predicted_persons} people."
    )
    if used.resampled:
        caption += f" Intervals: {latex_text(used.resampled)}."
    if not result.comparable.value:
        caption += f" Not comparable: {latex_text('; '.join(result.comparable.reasons))}."
    head = ["metric", "", "value", r"95\,\% interval", "unit"]
    return _table("lcrcl", head, rows, caption, "metrics")


def result_row(result: Result) -> str:
    """The metrics as one row of a table of several methods, under a head that names them."""
    units = [f"{latex_text(name)} {_arrow(name)}" for name in result.metrics]
    row = [latex_text(result.model), *(_value(one) for one in result.metrics.values())]
    caption = f"{latex_text(result.protocol.name)} v{result.protocol.version}; add a row for each method."
    return _table("l" + "r" * len(units), ["method", *units], [row], caption, "methods", small=True)


def part_table(result: Result, by: str) -> str:
    """A breakdown: one row per part, one column per metric."""
    parts = [part for part in result.breakdown if part.by == by]
    names = list(parts[0].metrics)
    rows = [
        [
            latex_text(part.words),
            *(_number(part.metrics.get(name), result.metrics[name].unit) for name in names),
        ]
        for part in parts
    ]
    units = [f"{latex_text(name)} {_arrow(name)}" for name in names]
    caption = f"{latex_text(result.model)} under {latex_text(result.protocol.name)}, by {latex_text(by)}."
    return _table(
        "l" + "r" * len(names), [latex_text(by), *units], rows, caption, f"by-{_slug(by)}", small=True
    )


def comparison_table(comparison: Comparison) -> str:
    """Two models: values, difference, interval and p-value of each metric; the better value is bold."""
    rows = []
    for one in comparison.metrics:
        sign = -1.0 if lower_is_better(one.metric) else 1.0
        clear = one.p_value is not None and one.p_value < 0.05 and bool(one.difference)
        second = clear and sign * (one.difference or 0.0) > 0
        rows.append(
            [
                f"{latex_text(one.metric)} {_arrow(one.metric)}",
                _bold(_number(one.first, one.unit), chosen=clear and not second),
                _bold(_number(one.second, one.unit), chosen=second),
                _number(one.difference, one.unit, sign=True),
                _signs(interval(one.ci95, one.unit)),
                "" if one.p_value is None else f"{one.p_value:.3f}",
                latex_text(one.unit),
            ]
        )
    models = [latex_text(model) for model in comparison.models]
    caption = f"{latex_text(comparison.protocol)}: {models[1]} against {models[0]}."
    if comparison.drawn:
        caption += f" Bold where $p<0.05$; paired, {latex_text(comparison.drawn)}."
    head = ["metric", *models, "difference", r"95\,\% interval", "$p$", "unit"]
    return _table("lrrrcrl", head, rows, caption, "comparison")


def document(tables: Iterable[str], figures: Iterable[PaperFigure]) -> str:
    """A document that holds everything, to be compiled in the folder of the report."""
    lines = [
        "% pdflatex report.tex; the tables and figures can be taken one by one",
        r"\documentclass[10pt,twocolumn]{article}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage[margin=18mm]{geometry}",
        r"\usepackage{booktabs,graphicx,textcomp}",
        r"\begin{document}",
    ]
    lines += [f"\\input{{tables/{name}}}" for name in tables]
    for one in figures:
        lines += [
            r"\begin{figure}[tb]\centering",
            f"\\includegraphics[width=\\linewidth]{{figures/{one.name}.pdf}}",
            f"\\caption{{{latex_text(one.caption)}}}\\label{{fig:{one.name}}}",
            r"\end{figure}",
        ]
    return "\n".join([*lines, r"\end{document}", ""])


def _table(
    columns: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    caption: str,
    label: str,
    *,
    small: bool = False,
) -> str:
    place = "table*" if len(columns) > 5 else "table"
    lines = [
        f"\\begin{{{place}}}[tb]\\centering" + ("\\small" if small else ""),
        f"\\caption{{{caption}}}\\label{{tab:{label}}}",
        # as wide as it is, or as the page allows
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        f"\\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(head) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}}",
        f"\\end{{{place}}}",
    ]
    return "\n".join(lines) + "\n"


def _arrow(metric: str) -> str:
    return r"$\downarrow$" if lower_is_better(metric) else r"$\uparrow$"


def _value(one: Value) -> str:
    return _number(one.value, one.unit)


def _interval(one: Value) -> str:
    return _signs(interval(one.ci95, one.unit))


def _number(value: float | None, unit: str, *, sign: bool = False) -> str:
    return "--" if value is None else _signs(number(value, unit, sign=sign))


def _signs(text: str) -> str:
    """A minus is one, not a hyphen."""
    return text.replace("-", "$-$").replace("+", "$+$")


def _bold(text: str, *, chosen: bool) -> str:
    return f"\\textbf{{{text}}}" if chosen else text


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
