from __future__ import annotations

import numpy as np
from benchmarks_at_hand import benchmark
from PIL import Image


def test_all_maps_of_a_frame_are_drawn(tmp_path):
    with benchmark("heatmap_gallery") as script:
        made = script.frame(0, people=2, tries=20)
        assert script.street.inside(made.pixels).all()
        script.draw(tmp_path / "maps.png", made)
    with Image.open(tmp_path / "maps.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    rows, columns = pixels.shape
    # every panel but the empty last one has something on it
    for panel in range(11):
        row, column = divmod(panel, 4)
        part = pixels[
            row * rows // 3 : (row + 1) * rows // 3, column * columns // 4 : (column + 1) * columns // 4
        ]
        assert part.std() > 5
