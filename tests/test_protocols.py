"""Protocols: every manifest resolves, names resolve or say why not, hashes depend on rules only."""

from __future__ import annotations

import msgspec
import pytest

from mhbench.errors import UsageError
from mhbench.protocol_words import protocol_in_words
from mhbench.protocols import load_protocol, protocol_hash, protocol_names, resolve_protocol, with_options
from mhbench.scoring.statistics import error_name

NAMES = protocol_names()


@pytest.mark.parametrize("name", NAMES)
def test_every_protocol_loads_and_bears_its_file_name(name):
    protocol = load_protocol(name)
    assert protocol.name == name
    assert protocol.frames.dataset == name.partition("/")[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_option_value_gives_a_protocol_that_differs(name):
    protocol = load_protocol(name)
    for option in protocol.option:
        assert option.default not in option.values
        assert with_options(protocol, {option.name: option.default}) == protocol
        for value in option.values:
            assert protocol_hash(with_options(protocol, {option.name: value})) != protocol_hash(protocol)


@pytest.mark.parametrize("name", NAMES)
def test_a_protocol_has_one_root(name):
    protocol = load_protocol(name)
    rooted = {rule.root for rule in protocol.metric if error_name(rule) == "mpjpe"}
    assert len(rooted) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_words_name_every_metric_and_the_evidence(name):
    protocol = load_protocol(name)
    words = protocol_in_words(protocol)
    assert protocol.evidence in words
    for rule in protocol.metric:
        assert rule.name in words


def test_texts_do_not_enter_the_hash_but_rules_do():
    protocol = load_protocol("panoptic/generic")
    assert protocol_hash(msgspec.structs.replace(protocol, about="better words")) == protocol_hash(protocol)
    stricter = msgspec.structs.replace(protocol.matching, limit_m=0.4)
    assert protocol_hash(msgspec.structs.replace(protocol, matching=stricter)) != protocol_hash(protocol)
    assert protocol_hash(protocol, {"a": (1, 2)}) != protocol_hash(protocol)


def test_bare_names_resolve_through_the_data_set():
    assert resolve_protocol("generic", "panoptic").name == "panoptic/generic"


def test_bare_names_without_a_data_set_are_refused_with_candidates():
    with pytest.raises(UsageError) as caught:
        resolve_protocol("generic", None)
    assert "panoptic/generic" in caught.value.expected


def test_unknown_names_list_those_of_the_data_set():
    with pytest.raises(UsageError) as caught:
        load_protocol("panoptic/zanfir-lcoo")
    assert "panoptic/zanfir-loco" in caught.value.expected


@pytest.mark.parametrize(("chosen", "hint"), [({"roott": "none"}, "root"), ({"root": "hip"}, "mid_hip")])
def test_unknown_options_and_values_list_those_there_are(chosen, hint):
    with pytest.raises(UsageError) as caught:
        with_options(load_protocol("panoptic/zanfir-loco"), chosen)
    assert hint in caught.value.expected
