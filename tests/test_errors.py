from __future__ import annotations

import pickle

import pytest

from mhbench import errors


def kinds(kind):
    return [kind, *(one for child in kind.__subclasses__() for one in kinds(child))]


ALL = [kind for kind in kinds(errors.MhbenchError) if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", ALL)
def test_three_parts_are_printed_and_survive_a_process_border(kind):
    error = kind("the file a/b is torn", expected="a whole file", action="download it again")
    assert str(error).splitlines() == [
        "the file a/b is torn",
        "  expected: a whole file",
        "  to do:    download it again",
    ]
    again = pickle.loads(pickle.dumps(error))  # noqa: S301, TID251 - our own bytes of a moment ago
    assert type(again) is kind
    assert (again.what, again.expected, again.action) == (error.what, error.expected, error.action)
    assert str(again) == str(error)


@pytest.mark.parametrize("kind", ALL)
def test_parts_that_are_empty_are_not_printed(kind):
    assert str(kind("gone")) == "gone"
    assert str(kind("gone", action="look")) == "gone\n  to do:    look"


@pytest.mark.parametrize("kind", ALL)
def test_every_error_of_a_user_ends_with_two(kind):
    assert kind.exit_code == 2


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        (errors.MissingInputError, FileNotFoundError),
        (errors.ShapeError, ValueError),
        (errors.MissingExtraError, ImportError),
        (errors.UnsafeInputError, errors.InputError),
    ],
)
def test_errors_are_also_what_python_calls_them(kind, known):
    assert issubclass(kind, known)
    with pytest.raises(known):
        raise kind("it")


def test_a_missing_extra_names_the_install_line():
    text = str(errors.MissingExtraError.of("smplx", "body", "skinning"))
    assert "'smplx'" in text
    assert "skinning" in text
    assert "pip install 'mhbench[body]'" in text


def test_the_tree_in_the_docstring_is_the_tree():
    for kind in ALL:
        assert kind.__name__ in (errors.__doc__ or "")
