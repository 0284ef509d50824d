"""What a model was trained on, against what a protocol allows and tests.

`trained_on` of predictions names data sets (`muco`) or parts of them (`human36m/S9`, `3dpw/train`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mhbench.protocols.rules import TrainingRule


def broken_rules(rule: TrainingRule, trained_on: tuple[str, ...] | None) -> list[str]:
    """What the model was trained on though the protocol forbids it, sorted; nothing if it is not declared."""
    return sorted({name for name in trained_on or () if any(_is_of(name, one) for one in rule.forbidden)})


def training_overlaps(rule: TrainingRule, trained_on: tuple[str, ...] | None) -> list[str]:
    """Sentences on what the training shares with the frames that are tested."""
    return [
        f"trained on {name}: {words}"
        for name in trained_on or ()
        for data, words in rule.overlaps.items()
        if _is_of(name, data)
    ]


def _is_of(name: str, data: str) -> bool:
    """Whether training data are those of a data set or a part of them, in any spelling of case."""
    return name.casefold() == data.casefold() or name.casefold().startswith(f"{data.casefold()}/")
