"""LoCO, level 2, image to people: each part, in several precisions and layouts, and all of it.

With a GPU: the published size (1080 x 1920, 14 x 316 x 136 x 240), against the floor of 60 frames/s.
Without one only a toy is measured (128 x 192, 14 x 16 x 16 x 24, a 16th of the channels), which says nothing
about the published size. Weights are random; peaks and association get true volumes of crowds, because
random weights find nobody. Beside the times stand the arithmetic's floor (the operations of the networks at
the speed of a large product of matrices in this run) and the time for 5, 20 and 50 people.
"""

from __future__ import annotations

import resource
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import measuring
import numpy as np
import torch
from measuring import Contender
from torch.utils.flop_counter import FlopCounterMode

from mhbench.heatmaps import locate
from mhbench.models.loco.checkpoints import Config, GridConfig, save_network
from mhbench.models.loco.pipeline import Loco
from mhbench.models.loco.volumes import found_peaks, rendered
from mhbench.models.protocol import InputFrame, Setup
from mhbench.synthetic.crowds import KINDS, draw_crowd

if TYPE_CHECKING:
    from collections.abc import Callable

    from mhbench.heatmaps import Grid

CROWDS = (5, 20, 50)  # people
USUAL = 20
FLOOR = 60.0  # frames per second on an H200
SPREAD = 1.05  # slowest by fastest crowd


@dataclass(frozen=True)
class Case:
    """What is measured: sizes, device, and a call that waits for the device."""

    device: torch.device
    config: GridConfig
    height: int
    width: int
    share: float

    @property
    def gpu(self) -> bool:
        """Whether it is the published size."""
        return self.device.type == "cuda"

    @property
    def grid(self) -> Grid:
        """The grid of the volumes."""
        return self.config.grid(self.height, self.width).padded(4)

    def waiting(self, work: Callable[[], object]) -> Callable[[], object]:
        """A call that ends when the device has."""

        def call() -> object:
            with torch.inference_mode():
                result = work()
            if self.gpu:
                torch.cuda.synchronize()
            return result

        return call

    def memory(self, work: Callable[[], object]) -> int:
        """Most bytes on the device during a call; of the process on a CPU, which has no such counter."""
        if not self.gpu:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        torch.cuda.reset_peak_memory_stats()
        work()
        return torch.cuda.max_memory_allocated()


def networks(case: Case) -> dict[str, Any]:
    """Predictor and autoencoder with random weights, their configurations by kind."""
    torch.manual_seed(0)
    configs = [
        Config(kind="predictor", width=case.share, grid=case.config),
        Config(kind="autoencoder", grid=case.config),
        Config(kind="refiner"),
    ]
    return {config.kind: (config, config.build().eval()) for config in configs}


def parts(case: Case, built: dict[str, Any], *, compiled: bool) -> dict[str, Callable[[], object]]:
    """Predictor and decoder in every precision and layout."""
    calls: dict[str, Callable[[], object]] = {}
    variants = [("fp32", torch.float32, False, False), ("bf16", torch.bfloat16, False, False)]
    variants += [("bf16 channels-last", torch.bfloat16, True, False)]
    variants += [("bf16 channels-last compiled", torch.bfloat16, True, True)] * compiled
    for name, dtype, last, fast in variants:
        layout = torch.channels_last if last else torch.contiguous_format
        image = torch.rand(1, 3, case.height, case.width, device=case.device)
        image = image.to(dtype, memory_format=layout)
        copies = []
        for kind in ("predictor", "autoencoder"):
            config, network = built[kind]
            copy: Any = config.build().eval()
            copy.load_state_dict(network.state_dict())
            copies.append(copy.to(case.device, dtype))
            for layer in copy.modules():
                if isinstance(layer, torch.nn.Conv2d):
                    layer.weight.data = layer.weight.data.contiguous(memory_format=layout)
        predictor, decode = copies[0], copies[1].decode
        if fast:
            predictor, decode = torch.compile(predictor), torch.compile(decode)
        with torch.inference_mode():
            code = predictor(image)
        calls[f"code predictor, {name}"] = case.waiting(lambda p=predictor, i=image: p(i))  # type: ignore[misc]
        calls[f"decoder, {name}"] = case.waiting(lambda d=decode, c=code: d(c))  # type: ignore[misc]
    return calls


def pipeline(case: Case, built: dict[str, Any], *, compiled: bool) -> Loco:
    """The whole model as `mhbench run loco` has it."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, (config, network) in built.items():
            save_network(Path(folder) / f"{kind}.safetensors", network, config)
        precision = "bf16" if case.gpu else "fp32"
        return Loco(Setup((Path(folder),), str(case.device), precision, "jta", "jta_22", compiled))


def crowd(case: Case, people: int, seed: int) -> tuple[torch.Tensor, InputFrame]:
    """True volumes of so many people, and the frame they belong to."""
    kind = replace(KINDS["jta"].smaller(1920 // case.width), width=case.width, height=case.height)
    kind = replace(kind, people=people, most=people, far=0.6 * case.config.depth_max)
    drawn = draw_crowd(kind, np.random.default_rng(seed))
    centres = locate(case.grid, drawn.joints2d, drawn.joints3d).centres
    image = np.zeros((case.height, case.width, 3), dtype=np.uint8)
    dtype = torch.bfloat16 if case.gpu else torch.float32
    volumes = rendered(case.grid, [centres], case.device).to(dtype)
    return volumes, InputFrame("crowd/0/0", image, kind.camera)


def operations(case: Case, built: dict[str, Any]) -> int:
    """Floating point operations of predictor and decoder for a frame, two per multiplication and addition."""
    counter = FlopCounterMode(display=False)
    with torch.device("meta"), counter, torch.inference_mode():
        config, _ = built["predictor"]
        decoder, _ = built["autoencoder"]
        decoder.build().decode(config.build().eval()(torch.zeros(1, 3, case.height, case.width)))
    return int(counter.get_total_flops())


def product(case: Case) -> tuple[Callable[[], object], int]:
    """A large product of matrices, and its operations: the speed of the machine's arithmetic."""
    side, dtype = (8192, torch.bfloat16) if case.gpu else (1024, torch.float32)
    matrix = torch.rand(side, side, device=case.device).to(dtype)
    return case.waiting(lambda: matrix @ matrix), 2 * side**3


def main() -> None:
    parser = measuring.arguments(__doc__)
    parser.add_argument("--compiled", action="store_true", help="torch.compile too (always on a GPU)")
    options = parser.parse_args()
    gpu = torch.cuda.is_available()
    case = (
        Case(torch.device("cuda"), GridConfig(), 1080, 1920, 1.0)
        if gpu
        else Case(torch.device("cpu"), GridConfig(depth_bins=16), 128, 192, 1 / 16)
    )
    compiled = gpu or options.compiled
    built = networks(case)
    model = pipeline(case, built, compiled=compiled)
    image = torch.rand(1, 3, case.height, case.width, device=case.device)
    crowds = {people: crowd(case, people, options.seed) for people in CROWDS}
    volumes, frame = crowds[USUAL]
    matrices, products = product(case)
    calls = parts(case, built, compiled=compiled)
    calls["peaks"] = case.waiting(lambda: found_peaks(volumes, model.rule))
    calls["peaks, association, refiner"] = case.waiting(lambda: model.read(volumes, [frame]))
    for people, (seen, one) in crowds.items():
        calls[f"whole, {people} people"] = case.waiting(
            lambda seen=seen, one=one: (model.volumes(image), model.read(seen, [one]))  # type: ignore[misc]
        )
    contenders = {name: Contender(call) for name, call in calls.items()}
    contenders["product of matrices"] = Contender(matrices, who="machine")
    measured = measuring.measure(contenders, repeats=options.repeats)
    times = {name: one.median for name, one in measured.items()}
    whole = [times[f"whole, {people} people"] for people in CROWDS]
    usual = times[f"whole, {USUAL} people"]
    arithmetic = operations(case, built) * times["product of matrices"] / products
    claims = [
        measuring.claim("whole, frames/s one by one", 1 / usual, "frames/s", floor=FLOOR if gpu else None),
        measuring.claim("whole, by the floor of its arithmetic", usual / arithmetic, "times"),
        measuring.claim("operations of a frame", operations(case, built) / 1e9, "GFLOP"),
        measuring.claim(
            f"whole, slowest by fastest of {CROWDS} people",
            max(whole) / min(whole),
            "times",
            floor=SPREAD if gpu else None,
            wanted="at most",
        ),
    ]
    claims += [measuring.claim(f"{name}, frames/s", 1 / times[name], "frames/s") for name in calls]
    if gpu:
        claims += [
            measuring.claim(f"{name}, memory", case.memory(call) / 1e9, "GB") for name, call in calls.items()
        ]
    else:
        claims.append(measuring.claim("memory of the process", case.memory(matrices) / 1e9, "GB"))
    report = measuring.Report(
        benchmark="loco" if gpu else "loco_toy",
        about="published size on a GPU: " + torch.cuda.get_device_name()
        if gpu
        else "TOY SIZE on the CPU: no GPU here, the published size is not measured",
        seed=options.seed,
        settings={
            "height": case.height,
            "width": case.width,
            "depth_bins": case.config.depth_bins,
            "gpu": gpu,
            "compiled": compiled,
        },
        machine=measuring.machine(["torch"]),
        measurements=list(measured.values()),
        claims=claims,
    )
    measuring.show(report)
    print(measuring.write(report, options.out))


if __name__ == "__main__":
    main()
