from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from mhbench.checks import check_shape
from mhbench.errors import ShapeError


def test_names_bind_sizes_that_later_arrays_repeat():
    sizes = check_shape("predicted", np.zeros((2, 17, 3)), "N J 3")
    assert sizes == {"N": 2, "J": 17}
    assert check_shape("target", np.zeros((2, 17, 3)), "N J 3", sizes) is sizes
    with pytest.raises(ShapeError) as caught:
        check_shape("target", np.zeros((2, 14, 3)), "N J 3", sizes)
    assert "target has shape (2, 14, 3)" in str(caught.value)
    assert "(N, J, 3) with N = 2, J = 17" in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "pattern"),
    [
        ((3,), "3"),
        ((4, 5), "* *"),
        ((3, 3), "N N"),
        ((), ""),
        ((3,), "... 3"),
        ((9, 8, 3), "... 3"),
        ((7, 2, 3, 3), "... 3 3"),
        ((0, 3), "N 3"),
    ],
)
def test_fitting_shapes(shape, pattern):
    check_shape("array", np.zeros(shape), pattern)


@pytest.mark.parametrize(
    ("shape", "pattern"),
    [
        ((4,), "3"),
        ((3, 4), "N N"),
        ((3,), "N 3"),
        ((2, 3, 3), "N 3"),
        ((2,), "... 3"),
        ((3,), "... 3 3"),
        ((), "... 3"),
        ((3,), ""),
    ],
)
def test_other_shapes(shape, pattern):
    with pytest.raises(ShapeError, match="array has shape"):
        check_shape("array", np.zeros(shape), pattern)


def test_a_shape_error_is_a_value_error():
    with pytest.raises(ValueError, match="expected"):
        check_shape("array", np.zeros(2), "3")


def test_checks_can_be_turned_off():
    code = (
        "import numpy; from mhbench.checks import check_shape; print(check_shape('a', numpy.zeros(2), '3'))"
    )
    environment = {**os.environ, "MHBENCH_SKIP_CHECKS": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "{}"
