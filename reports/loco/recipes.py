"""What `train.py` trains, in which order, with which settings and share of the time.

Full is the published size. Toy has images of a quarter of the side and an eighth of the depth in steps of
the published size, so that one CPU core comes through in an hour; its networks have an eighth of the
channels. How the paper trains (plain Adam at 1e-4, Gaussians of 8 voxels at first) needs days; ours does not:
Adam's epsilon below the gradients of nearly empty volumes, layers that begin by resampling, those that mix
the joints trained first, no dead outputs. Frames are whole: small crops teach what fails on frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stage:
    """One training.

    Attributes:
        name: its folder.
        model: of `mhbench train`.
        share: of the time, against the shares of the others.
        level: of the code.
        data: kind of the crowds.
        changes: settings.
        weights: settings that name files of earlier stages.
    """

    name: str
    model: str
    share: float
    level: int
    data: str
    changes: dict[str, str]
    weights: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Size:
    """All stages of one size.

    Attributes:
        common: settings of all stages.
        stages: in order.
        test: frames that score a stage.
    """

    common: dict[str, str]
    stages: list[Stage]
    test: int

    @property
    def shares(self) -> float:
        """Sum of the shares."""
        return sum(stage.share for stage in self.stages)


def _size(
    common: dict[str, str],
    crowds: dict[str, dict[str, str]],
    mixing: dict[str, str],
    vha: dict[str, str],
    image: dict[str, str],
    refiner: dict[str, str],
    test: int,
) -> Size:
    stages = []
    for level in (1, 2, 3):
        shared = {**vha, **crowds["jta"], "level": str(level)}
        begun = {"start": f"mixing{level}/autoencoder.safetensors"}
        stages += [
            Stage(f"mixing{level}", "loco-vha", 0.5, level, "jta", {**shared, **mixing}),
            Stage(f"vha{level}", "loco-vha", 4.5, level, "jta", shared, begun),
        ]
    stages += [
        Stage("refiner", "loco-refiner", 0.3, 0, "jta", {**refiner, **crowds["jta"]}),
        Stage(
            "predictor2",
            "loco-predictor",
            4,
            2,
            "jta",
            {**image, **crowds["jta"]},
            {"autoencoder": "vha2/autoencoder.safetensors"},
        ),
        Stage(
            "uncompressed",
            "loco-uncompressed",
            4,
            2,
            "jta",
            {"level": "2", "revive": "true", **image, **crowds["jta"]},
        ),
    ]
    # what was learnt is not to be forgotten
    tuned = {**vha, "learning_rate": str(float(vha["learning_rate"]) / 2)}
    stages += [
        Stage(
            f"vha{level}-{data}",
            "loco-vha",
            0.7,
            level,
            data,
            {"level": str(level), **tuned, **crowds[data]},
            {"start": f"vha{level}/autoencoder.safetensors"},
        )
        for level in (2, 3)
        for data in ("panoptic", "human36m")
    ]
    return Size(common, stages, test)


# epsilon: see `mhbench.models.training_config`; clip: a frame full of people must not undo many others
STEPS = {"warmup": "100", "decay": "true", "epsilon": "1e-15", "clip": "2.0"}
VHA = {**STEPS, "revive": "true", "sigma_start": "2.0"}
MIXING = {"learn": "mixing", "learning_rate": "3e-3", "batch": "4"}

TOY = _size(
    common={"epochs": "1000000", "tensorboard": "false"},
    crowds={
        "jta": {
            "crowds.kind": "jta",
            "crowds.smaller": "4",
            "crowds.near": "4.0",
            "crowds.far": "10.5",
            "crowds.people": "2.0",
            "crowds.most": "4",
            "crowds.depth_bins": "40",
            "crowds.depth_max": "12.5",
            "crowds.validation": "8",
        },
        "panoptic": {
            "crowds.kind": "panoptic",
            "crowds.smaller": "4",
            "crowds.depth_bins": "40",
            "crowds.validation": "8",
        },
        "human36m": {
            "crowds.kind": "human36m",
            "crowds.smaller": "4",
            "crowds.depth_bins": "40",
            "crowds.validation": "8",
        },
    },
    mixing=MIXING,
    vha={**VHA, "learning_rate": "1e-3", "epoch_steps": "50", "validate_every": "8", "save_every": "8"},
    image={
        **STEPS,
        "learning_rate": "1e-3",
        "width": "0.25",
        "batch": "4",
        "epoch_steps": "20",
        "validate_every": "5",
        "save_every": "5",
    },
    refiner={"epoch_steps": "200", "validate_every": "2", "save_every": "2"},
    test=32,
)

# written for one GPU of 80 GB or more
FULL = _size(
    common={"epochs": "1000000"},
    crowds={
        kind: {"crowds.kind": kind, "crowds.validation": "32"} for kind in ("jta", "panoptic", "human36m")
    },
    mixing=MIXING,
    vha={**VHA, "learning_rate": "2e-4", "epoch_steps": "250", "validate_every": "4", "save_every": "2"},
    image={
        **STEPS,
        "learning_rate": "2e-4",
        "batch": "8",
        "epoch_steps": "250",
        "validate_every": "4",
        "save_every": "2",
    },
    refiner={"epoch_steps": "1000", "validate_every": "2", "save_every": "2"},
    test=128,
)

SIZES = {"toy": TOY, "full": FULL}
