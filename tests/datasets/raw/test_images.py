from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mhbench.datasets.raw.images import image_size, image_values
from mhbench.errors import InputError, MissingInputError


@pytest.fixture
def path(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (40, 30), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def test_size_and_values(path):
    assert image_size(path) == (30, 40)
    assert image_values(path).shape == (40, 30)


def test_what_is_no_image_is_named(path, tmp_path):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"mask\.png is no image"):
        image_values(path)
    chunk = whole.index(b"IDAT")  # after its length; with another one, no chunk begins where the next should
    path.write_bytes(whole[: chunk - 4] + (50).to_bytes(4, "big") + whole[chunk:])
    with pytest.raises(InputError, match="is no image: broken PNG file"):
        image_values(path)
    path.write_bytes(b"text")
    with pytest.raises(InputError, match="is no image"):
        image_size(path)
    with pytest.raises(MissingInputError):
        image_size(tmp_path / "none.png")
