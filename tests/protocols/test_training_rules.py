"""What a model was trained on, against what a protocol allows and tests."""

from __future__ import annotations

import pytest

from mhbench.protocols.loading import load_protocol, protocol_names
from mhbench.protocols.training_rules import broken_rules, training_overlaps
from mhbench.protocols.words import protocol_in_words


@pytest.mark.parametrize(
    ("protocol", "trained_on", "broken"),
    [
        ("3dpw/pc", ("coco", "3dpw"), ["3dpw"]),
        ("3dpw/pc", ("3DPW/train", "muco"), ["3DPW/train"]),
        ("3dpw/vibe-trained", ("3dpw/train",), []),
        ("3dpw/vibe-trained", ("3dpw/test",), ["3dpw/test"]),
        ("human36m/loco-p2", ("human36m/S1", "human36m/S9"), ["human36m/S9"]),
        ("human36m/loco-p1", ("human36m/S9",), []),
        ("human36m/loco-p2", ("human36m",), []),
        ("panoptic/zanfir-loco", ("panoptic/160906_pizza1", "jta"), ["panoptic/160906_pizza1"]),
        ("jta/test", None, []),
    ],
)
def test_a_data_set_or_a_part_of_it_breaks_the_rule(protocol, trained_on, broken):
    assert broken_rules(load_protocol(protocol).training, trained_on) == broken


@pytest.mark.parametrize(
    ("protocol", "name", "word"),
    [
        ("3dpw/pc", "3dpw", "three of the six"),
        ("human36m/loco-p2", "human36m", "trained on S9"),
        ("mpi_inf_3dhp/romp", "muco", "S8"),
    ],
)
def test_what_overlaps_with_the_tested_frames_is_told(protocol, name, word):
    rule = load_protocol(protocol).training
    (sentence,) = training_overlaps(rule, ("coco", name))
    assert sentence.startswith(f"trained on {name}: ")
    assert word in sentence
    assert training_overlaps(rule, ("coco",)) == training_overlaps(rule, None) == []


@pytest.mark.parametrize("name", protocol_names())
def test_words_name_what_is_forbidden(name):
    protocol = load_protocol(name)
    words = " ".join(protocol_in_words(protocol).split())
    assert all(one in words for one in (*protocol.training.forbidden, *protocol.training.overlaps))
