"""Reads a golden case: NAME.npz with arrays and NAME.json with scalars, names and status."""

from __future__ import annotations

import json

import numpy as np


def read_case(folder, name):
    with np.load(folder / f"{name}.npz") as archive:
        arrays = dict(archive)
    return arrays, json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
