"""What a protocol says, as frozen structs: the schema of `manifests/protocols/<dataset>/<name>.toml`."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec resolves the field types at run time
from typing import Any, Final, Literal

import msgspec

Names = tuple[str, ...]
ANY: Final = "any"
"""The data set of protocols that need predictions and no ground truth."""


class _Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all parts: immutable, by name, and strict about unknown fields.

    Fields at their defaults do not enter the hash, so that a new field changes no protocol before it; a
    default therefore never changes.
    """


class FrameRule(_Rule, frozen=True, kw_only=True):
    """Which converted frames are expected. Empty lists mean all; strides refer to raw indices.

    The data set `any` has no shards: the frames of the predictions are all there is.

    Attributes:
        subjects: names of the people filmed.
        cameras: names of cameras; empty = every converted one.
        stride: frames whose raw index is a multiple of it.
        require: frame column -> the value it must have.
        joints_inside: every 2D joint of everybody satisfies 0 <= x < width and 0 <= y < height.
        with_people: frames in which somebody counts; in the others nothing could be right or wrong.
        world: all cameras together are one frame `<sequence>/world/<index>`, scored in the world; the stride
            then counts the places in the sorted list of frames, not raw indices.
        exclusions: lists of bad frames that are not expected, whether or not the conversion left them out.
        user_lists: the official list is not public: `--frames DIR` gives it, else nothing is comparable.
        expected: number of frames of the complete protocol, where it is known.
        expected_people: the same for the people who count.
    """

    dataset: str
    split: str = ""
    sequences: Names = ()
    subjects: Names = ()
    cameras: Names = ()
    stride: int = 1
    require: Mapping[str, int] = {}
    joints_inside: bool = False
    with_people: bool = False
    world: bool = False
    exclusions: Names = ()
    user_lists: bool = False
    expected: int = 0
    expected_people: int = 0


class SeenRule(_Rule, frozen=True, kw_only=True):
    """A person counts if more than `more_than` of the joints have a confidence above `above`."""

    column: str
    skeleton: str
    joints: Names
    above: float
    more_than: int


class TruthRule(_Rule, frozen=True, kw_only=True):
    """Which joints and people are scored. A person counts with at least one scored joint.

    Attributes:
        joints: `shared` = those both skeletons share exactly; a skeleton's name; or a list of joint names, in
            which `a | b` stands for the first of them that the ground truth has.
        needed: joints a prediction must have besides, though they are not scored.
        joint_set: a further joint set of the shards instead of the main one.
        pixel_set: the joint set whose `joints2d` people are matched by; the main one by default.
        body: the joints are made anew from the SMPL parameters, by the model of the annotated gender or by
            the neutral one; by default the shards' joints are the truth.
        regressor: with `body`: `h36m` takes Human3.6M's 17 from the mesh, `smpl` SMPL's own 24.
        require: person column -> the value it must have.
        seen: how much of a person must have been found in the image.
        windows: of the people who count, those of one track are cut into windows of so many, in the order of
            their frames; who is left over at the end does not count. 0 = no windows.
        means: joint -> joints whose mean takes its place.
        labelled: joints that must be labelled in the image, or the person does not count.
        fully_occluded: whether people count of whom every joint is hidden by something or somebody else.
        out_of_image_joints: whether joints outside the image are scored. `truncated` = not, but pixels are
            cut to integers and both ends of the image belong to it.
    """

    joints: str | Names = "shared"
    needed: Names = ()
    joint_set: str = ""
    pixel_set: str = ""
    body: Literal["", "gendered", "neutral"] = ""
    regressor: Literal["h36m", "smpl"] = "smpl"
    require: Mapping[str, int] = {}
    seen: SeenRule | None = None
    windows: int = 0
    means: Mapping[str, Names] = {}
    labelled: Names = ()
    fully_occluded: Literal["scored", "not scored"] = "scored"
    out_of_image_joints: Literal["scored", "not scored", "truncated"] = "not scored"


class PredictionRule(_Rule, frozen=True, kw_only=True):
    """What a prediction must be. `spaces`: those accepted; metrics that a space cannot give are left out.

    Attributes:
        regressor: how meshes and SMPL parameters become joints, where a file has no joints of the protocol:
            `h36m` takes Human3.6M's 17 from the mesh, `smpl` SMPL's own 24; by default they are not taken.
        stand_ins: joint of the ground truth -> point of the vocabulary that the published code takes for it.
        null_joint: refuse the file; drop the joint from the errors; or count it as wrong in shares only.
        people: whether a file may hold people beside its loose joints.
    """

    spaces: tuple[Literal["camera", "root", "world", "2d"], ...] = ("camera",)
    regressor: Literal["", "h36m", "smpl"] = ""
    stand_ins: Mapping[str, str] = {}
    null_joint: Literal["refuse", "drop", "wrong"] = "drop"
    people: Literal["scored", "refused"] = "scored"


class MatchingRule(_Rule, frozen=True, kw_only=True):
    """How predictions meet ground-truth people, and what a person without one costs.

    Attributes:
        rule: hungarian (mean distance), nearest (root, may serve several), highest_score and best (one person
            per frame; `best` = the least error of each metric by itself), given (by the `person` keys of the
            predictions), track (prediction i is person i), greedy_2d (mean pixel distance, least first; files
            with `person` keys is matched by them), mupots_2d (the tool's own), points (joints meet, not
            people), similarity (keypoints, by score), roots (the nearest root, by score), by_score (each
            prediction belongs to its nearest person; by score, one hit for each person).
        limit_m: pairs farther apart never meet (hungarian).
        joints: joints of the pixel distance; all that both sides share by default.
        limit_px: pairs at this distance or more never meet (greedy_2d); 0 = no limit.
        pairing: of joints (`points`): each takes its nearest without second choice, or the best assignment.
        missed_person: left out of errors and shares; every joint wrong; or the file is refused.
        missed_mm: error of a missed person, instead of leaving it out of the mean; 0 = left out.
    """

    rule: Literal[
        "hungarian",
        "nearest",
        "highest_score",
        "best",
        "given",
        "track",
        "greedy_2d",
        "mupots_2d",
        "points",
        "similarity",
        "roots",
        "by_score",
    ] = "hungarian"
    limit_m: float = 0.5
    joints: Names = ()
    limit_px: float = 0.0
    pairing: Literal["reference", "hungarian"] = "reference"
    missed_person: Literal["out", "wrong", "refuse"] = "out"
    missed_mm: float = 0.0


class MetricRule(_Rule, frozen=True, kw_only=True):
    """One metric: its contract name (thresholds are part of it) and how it is computed.

    Attributes:
        root: `skeleton` (its root, else the mean of the hips), `none`, or joints whose mean is subtracted.
        align: of pmpjpe: similarity; rigid (no scale); or translation only.
        fit_also: of pmpjpe: further points of the fit, each the mean of the named joints.
        recentre: whether a root-relative prediction is centred anew on its own root.
        rescale_bones: every predicted bone gets the true bone's length first, pelvis outwards (MuPoTS).
        joints: joints of this metric, where they are fewer than those of the protocol.
        cameras: cameras of this metric, where they are fewer than those of the protocol.
        people: of depth_order.smap and of collisions: everybody, or the matched ones only.
        inclusive: whether an error equal to the threshold is right.
        step_mm, closed, area: grid of an AUC, whether its last threshold belongs to it, and the rule.
        easy_below: of ap_easy and ap_medium: crowd index that divides them.
        mode: of collisions: exact; strict, where surfaces that cross without a vertex inside collide, too; or
            as CRMH's code computes them under the torch of its release or a current one.
    """

    name: str
    root: str | Names = "skeleton"
    align: Literal["similarity", "rigid", "translation"] = "similarity"
    fit_also: tuple[Names, ...] = ()
    recentre: bool = True
    rescale_bones: bool = False
    joints: Names = ()
    cameras: Names = ()
    people: Literal["all", "matched"] = "all"
    inclusive: bool = False
    step_mm: float = 5.0
    closed: bool = True
    area: Literal["mean", "trapezoid"] = "mean"
    easy_below: float = 0.2
    mode: Literal["exact", "strict", "crmh-torch11", "crmh-now"] = "exact"


class VolumeRule(_Rule, frozen=True, kw_only=True):
    """How bodies are compared as solids.

    Attributes:
        cells: every cell a triangle touches, filled (binvox `exact`, as published volumes are); or every cell
            whose centre is inside.
        resolution: cells along the longest side of the true body.
        pooled: metrics, or their names before the point, whose cells are added over all samples before they
            are divided; the others are the mean of the samples.
        extreme: percentages; for each the frames whose true bodies differ most from the mean shape in the
            same pose become a part of the result (BodyNet's s10 and s20).
    """

    cells: Literal["conservative", "centre"] = "conservative"
    resolution: int = 128
    pooled: Names = ()
    extreme: tuple[int, ...] = ()


class AveragingRule(_Rule, frozen=True, kw_only=True):
    """How people become one number.

    Attributes:
        over: everybody pooled; the plain mean of the groups, sequences or actions (each pooled); the plain
            mean over actions of the plain mean of their takes (one camera of one sequence); or each frame,
            then the mean of the frames.
        groups: group name -> sequences.
        resample: what the interval speaks of.
    """

    over: Literal["persons", "groups", "sequences", "actions", "actions of takes", "frames"] = "persons"
    groups: Mapping[str, Names] = {}
    resample: Literal["sequence", "image"] = "sequence"


class TrainingRule(_Rule, frozen=True, kw_only=True):
    """What a model may have been trained on, in words, and which sets break the rule.

    Attributes:
        forbidden: data sets, or parts of them such as `human36m/S9`, that make a result not comparable.
        overlaps: data set or part -> what it shares with the frames that are tested, told to whoever trained
            on it.
        declare: `trained_on` must be given, whatever it is.
    """

    rule: str = "not restricted"
    forbidden: Names = ()
    overlaps: Mapping[str, str] = {}
    declare: bool = False


class OptionRule(_Rule, frozen=True, kw_only=True):
    """An open point of the protocol. A value other than the default makes a result not comparable.

    Attributes:
        values: other value -> what it replaces in the manifest (fields are merged, all else replaced);
            `metric_of.<metric>` changes fields of one metric.
    """

    name: str
    default: str
    values: Mapping[str, dict[str, Any]]
    about: str = ""


class Protocol(_Rule, frozen=True, kw_only=True):
    """A frozen, versioned protocol (contract 4).

    Attributes:
        frames_evidence: evidence of the frame list, where it is another than that of the metric.
        refused: why the shards are not enough to score it; empty = they are.
        volumes: of the kind of scoring `volumes`, and of no other.
    """

    name: str
    version: int
    evidence: Literal["run", "read", "paper", "inferred"]
    frames_evidence: Literal["", "run", "read", "paper", "inferred"] = ""
    source: str
    about: str
    refused: str = ""
    scoring: Literal["poses", "joints", "keypoints", "roots", "world", "coherence", "volumes"] = "poses"
    frames: FrameRule
    truth: TruthRule = TruthRule()
    prediction: PredictionRule = PredictionRule()
    matching: MatchingRule = MatchingRule()
    metric: tuple[MetricRule, ...]
    volumes: VolumeRule | None = None
    averaging: AveragingRule = AveragingRule()
    training: TrainingRule = TrainingRule()
    option: tuple[OptionRule, ...] = ()
    notes: Names = ()

    @property
    def weakest_evidence(self) -> str:
        """The weaker one of metric and frames; below `run` nothing is official."""
        marks = [self.evidence, self.frames_evidence or self.evidence]
        return max(marks, key=("run", "read", "paper", "inferred").index)
