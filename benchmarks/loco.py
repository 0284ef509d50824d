"""LoCO, level 2, image to people: the code predictor, the decoder, peaks, association, refiner, all of it.

With a GPU: the published size (1080 x 1920, 14 x 316 x 136 x 240) in bf16, against the floor of 60 frames/s.
Without one only a toy is measured (128 x 192, 14 x 16 x 16 x 24, a 16th of the channels), which says nothing
about the published size. Weights are random; peaks and association get the true volumes of made-up people,
because random weights find nobody.
"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import measuring
import numpy as np
import torch
from measuring import Contender

from mhbench.cameras import Camera
from mhbench.heatmaps import PEAK_RULES, associate, centres, head_limits, to_camera
from mhbench.models.loco.autoencoder import Autoencoder
from mhbench.models.loco.checkpoints import GridConfig
from mhbench.models.loco.predictor import Predictor
from mhbench.models.loco.refiner import Refiner
from mhbench.models.loco.volumes import found_peaks, rendered

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

PEOPLE = 20
FLOOR = 60.0  # frames per second on an H200
WHOLE = "whole: image tensor to people"


def made_up(seed: int, config: GridConfig, camera: Camera) -> npt.NDArray[np.int16]:
    """Centres of people 4 to 60 % of the grid's depth away."""
    rng = np.random.default_rng(seed)
    far = rng.uniform(0.04, 0.6, PEOPLE) * config.depth_max
    across = rng.uniform(-0.6, 0.6, PEOPLE) * far
    place = np.column_stack([across, np.zeros(PEOPLE), far])
    joints = place[:, None] + rng.normal(0, 1, (PEOPLE, len(config.joints), 3)) * (0.25, 0.5, 0.2)
    located: npt.NDArray[np.int16] = centres(
        config.grid(camera.height, camera.width), camera.project(joints), joints
    )
    return located


def main() -> None:
    options = measuring.arguments(__doc__).parse_args()
    gpu = torch.cuda.is_available()
    device, dtype = torch.device("cuda" if gpu else "cpu"), torch.bfloat16 if gpu else torch.float32
    config = GridConfig() if gpu else GridConfig(depth_bins=16)
    height, width, share = (1080, 1920, 1.0) if gpu else (128, 192, 1 / 16)
    focal = 1158 * width / 1920
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    camera = Camera(K, np.zeros(8), width=width, height=height)
    torch.manual_seed(options.seed)
    predictor = Predictor(2, config.depth_bins, share).eval().to(device, dtype)
    autoencoder = Autoencoder(2, config.depth_bins).eval().to(device, dtype)
    refiner = Refiner().eval()
    grid = config.grid(height, width).padded(autoencoder.pad_to)
    image = torch.rand(1, 3, height, width, device=device).to(dtype, memory_format=torch.channels_last)
    truth = rendered(grid, [made_up(options.seed, config, camera)], device).to(dtype)
    root, limits = head_limits(config.joints)

    def ready(work: Callable[[], object]) -> Callable[[], object]:
        def call() -> object:
            with torch.inference_mode():
                result = work()
            if gpu:
                torch.cuda.synchronize()
            return result

        return call

    def people() -> object:
        (places, sure), *_ = found_peaks(truth, PEAK_RULES["evaluation"])
        points = np.column_stack([places[:, 0], to_camera(grid, places, camera)])
        found = associate(points, sure.astype(np.float64), root=root, limits=limits)
        return refiner.refine(found.joints, found.confidence)

    with torch.inference_mode():
        code = predictor(image)
        found = found_peaks(truth, PEAK_RULES["evaluation"])[0]
    points = np.column_stack([found[0][:, 0], to_camera(grid, found[0], camera)])
    confidence = found[1].astype(np.float64)
    grouped = associate(points, confidence, root=root, limits=limits)
    contenders = {
        "code predictor": Contender(ready(lambda: predictor(image))),
        "decoder": Contender(ready(lambda: autoencoder.decode(code))),
        "peaks": Contender(ready(lambda: found_peaks(truth, PEAK_RULES["evaluation"]))),
        "association": Contender(lambda: associate(points, confidence, root=root, limits=limits)),
        "refiner": Contender(lambda: refiner.refine(grouped.joints, grouped.confidence)),
        WHOLE: Contender(ready(lambda: (autoencoder.decode(predictor(image)), people()))),
    }
    measured = measuring.measure(contenders, repeats=options.repeats)
    memory = (
        torch.cuda.max_memory_allocated()
        if gpu
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    frames = 1 / measured[WHOLE].median
    report = measuring.Report(
        benchmark="loco" if gpu else "loco_toy",
        about="published size on a GPU"
        if gpu
        else "TOY SIZE on the CPU: no GPU here, the published size is not measured",
        seed=options.seed,
        settings={
            "people": PEOPLE,
            "height": height,
            "width": width,
            "depth_bins": config.depth_bins,
            "gpu": gpu,
        },
        machine=measuring.machine(["torch"]),
        measurements=list(measured.values()),
        claims=[
            measuring.claim(
                "frames per second, one by one", frames, "frames/s", floor=FLOOR if gpu else None
            ),
            measuring.claim("most memory of the " + ("GPU" if gpu else "process"), memory / 1e9, "GB"),
        ],
    )
    measuring.show(report)
    print(measuring.write(report, options.out))


if __name__ == "__main__":
    main()
