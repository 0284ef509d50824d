"""Protocols: every manifest resolves, names resolve or say why not, hashes depend on rules only."""

from __future__ import annotations

import msgspec
import pytest

from mhbench.errors import UsageError
from mhbench.protocols.loading import (
    load_protocol,
    other_meanings,
    protocol_hash,
    protocol_names,
    resolve_protocol,
    with_options,
)
from mhbench.protocols.metric_names import needs_root
from mhbench.protocols.words import protocol_in_words
from mhbench.scoring.scored import KINDS

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
    rooted = {rule.root for rule in protocol.metric if needs_root(rule)}
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


@pytest.mark.parametrize("name", NAMES)
def test_a_protocols_kind_of_scoring_exists(name):
    assert load_protocol(name).scoring in KINDS


def test_every_data_set_with_3d_has_a_generic_protocol():
    for dataset in ("human36m", "mpi_inf_3dhp", "mupots", "3dpw", "jta", "panoptic"):
        generic = load_protocol(f"{dataset}/generic")
        assert generic.metric == load_protocol("panoptic/generic").metric
        assert generic.frames.dataset == dataset


@pytest.mark.parametrize(
    ("name", "dataset", "full"),
    [
        ("p2", "human36m", "human36m/loco-p2"),
        ("human36m/p1", None, "human36m/loco-p1"),
        ("protocol-2", "human36m", "human36m/lifting"),
        ("p1", "3dpw", "3dpw/challenge"),
        ("p3", "3dpw", "3dpw/vibe-trained"),
        ("3dhp/test", None, "mpi_inf_3dhp/test"),
        ("test", "jta", "jta/test"),
    ],
)
def test_aliases_resolve(name, dataset, full):
    assert resolve_protocol(name, dataset).name == full


@pytest.mark.parametrize(
    ("name", "dataset", "candidates"),
    [
        ("3dpw/test", None, ["3dpw/spin", "35,515", "3dpw/vibe", "34,561"]),
        ("test", "mupots", ["mupots/all", "mupots/matched"]),
        ("panoptic/zanfir", None, ["zanfir-loco", "zanfir-crmh", "zanfir-bev"]),
    ],
)
def test_ambiguous_names_are_refused_with_their_candidates(name, dataset, candidates):
    with pytest.raises(UsageError, match="several") as caught:
        resolve_protocol(name, dataset)
    assert all(one in caught.value.expected for one in candidates)


def test_an_alias_tells_what_else_it_means():
    lines = "\n".join(other_meanings("p2", "human36m"))
    for other in ("human36m/hmr-p2", "human36m/crmh", "human36m/lifting", "human36m/moon-p2"):
        assert f"--protocol {other}" in lines
    assert other_meanings("human36m/loco-p2", None) == []


def test_what_several_aliases_point_to_exists():
    for name in ("human36m/p1", "human36m/p2", "human36m/protocol-1", "3dpw/p1", "3dpw/p2", "3dpw/p3"):
        for line in other_meanings(name, None)[1:]:
            load_protocol(line.rpartition(" ")[2])


def test_same_as_takes_over_what_is_not_repeated():
    base, other = load_protocol("human36m/hmr-p1"), load_protocol("human36m/hmr-p2")
    assert other.truth == base.truth
    assert other.metric == base.metric
    assert other.frames.cameras == ("60457274",)
    assert (base.frames.expected, other.frames.expected) == (109867, 13898)
    # tables of data are replaced as a whole
    assert load_protocol("3dpw/vibe").truth.require == {}
    assert load_protocol("3dpw/nc").frames.require == {"subset_nc": 1}


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("human36m/loco-p1", 928),
        ("human36m/loco-p2", 548819),
        ("human36m/spin-p1", 109867),
        ("human36m/spin-p2", 27558),
        ("human36m/moon-p1", 3683),
        ("human36m/moon-p2", 8695),
        ("human36m/lifting", 543344),
        ("mpi_inf_3dhp/test", 2929),
        ("jta/test", 11520),
        ("crowdpose/val", 2000),
    ],
)
def test_counts_of_complete_protocols(name, frames):
    assert load_protocol(name).frames.expected == frames


def test_the_weaker_evidence_counts():
    assert load_protocol("human36m/spin-p1").weakest_evidence == "read"
    assert load_protocol("mupots/all").weakest_evidence == "run"


def test_the_hash_sees_lists_of_bad_frames_and_points_of_skeletons(monkeypatch):
    protocol = load_protocol("human36m/loco-p1")
    before = protocol_hash(protocol)
    frames = msgspec.structs.replace(protocol.frames, exclusions=("human36m_corrupt_take",))
    assert protocol_hash(msgspec.structs.replace(protocol, frames=frames)) != before
    monkeypatch.setattr("mhbench.protocols.loading._skeletons", lambda _: ["h36m_17"])
    assert protocol_hash(protocol) != before
