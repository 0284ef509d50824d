"""Depth buffers of a crowd: compiled for the CPU, and in torch on the CPU and on a GPU if there is one.

All draw the same label maps, which is checked to the last bit.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from measuring import Contender, Report, arguments, claim, machine, measure, show, write

from mhbench.synthetic import scene
from mhbench.volumes import label_map, zbuffer_torch

WIDTH, HEIGHT, PEOPLE, FRAMES = 832, 512, 6, 4
DEVICES: Final = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)


def main() -> None:
    options = arguments(__doc__).parse_args()
    crowd = scene(frames=FRAMES, people=PEOPLE, motion="crowd", size=(WIDTH, HEIGHT), cameras=("0",))
    camera, faces = crowd.cameras["0"], crowd.body.triangles
    people = np.stack([camera.to_camera(crowd.vertices(frame)) for frame in range(FRAMES)])
    expected = np.stack([label_map(mesh, faces, camera).labels for mesh in people])

    def compiled() -> object:
        return [label_map(mesh, faces, camera) for mesh in people]

    contenders = {"compiled": Contender(compiled, per=FRAMES)}
    for device in DEVICES:
        vertices, triangles = torch.as_tensor(people, device=device), torch.as_tensor(faces, device=device)
        pixels = torch.as_tensor(camera.project(people), device=device)

        def drawn(
            vertices: torch.Tensor = vertices,
            triangles: torch.Tensor = triangles,
            pixels: torch.Tensor = pixels,
        ) -> torch.Tensor:
            labels, _ = zbuffer_torch.label_maps(vertices, triangles, pixels, HEIGHT, WIDTH)
            if labels.is_cuda:
                torch.cuda.synchronize()
            return labels

        np.testing.assert_array_equal(drawn().cpu().numpy(), expected)
        contenders[f"torch, {device}"] = Contender(drawn, per=FRAMES)
    timed = measure(contenders, repeats=options.repeats)
    report = Report(
        benchmark="depth_buffers",
        about="label maps of a crowd",
        seed=options.seed,
        settings={"width": WIDTH, "height": HEIGHT, "people": PEOPLE, "frames": FRAMES},
        machine=machine(["torch"]),
        measurements=list(timed.values()),
        claims=[
            claim(f"{name} over compiled", timed["compiled"].median / one.median, "x")
            for name, one in timed.items()
            if name != "compiled"
        ],
    )
    show(report)
    write(report, options.out)


if __name__ == "__main__":
    main()
