"""The figure every synthetic person is made from: joints, landmarks and the cones its flesh is built of.

Rest pose as SMPL has it: arms stretched out sideways, y up, x to the person's left, z forward, metres, the
pelvis near the origin. The proportions are our own round numbers for an adult of about 1.73 m. Only the left
side is written down; `right_` is its mirror image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.synthetic.surface import Lens, Solid

if TYPE_CHECKING:
    import numpy.typing as npt

    Point = tuple[float, float, float]

# the 24 joints in SMPL's order, under the names of the vocabulary of skeletons: name -> (parent, rest
# position); `right_` joints mirror their left partner
_JOINTS: Final[dict[str, tuple[str, Point | None]]] = {
    "pelvis": ("", (0.0, -0.225, 0.015)),
    "left_hip": ("pelvis", (0.075, -0.315, 0.015)),
    "right_hip": ("pelvis", None),
    "spine1": ("pelvis", (0.0, -0.115, 0.0)),
    "left_knee": ("left_hip", (0.1, -0.7, 0.015)),
    "right_knee": ("right_hip", None),
    "spine2": ("spine1", (0.0, 0.02, 0.0)),
    "left_ankle": ("left_knee", (0.09, -1.09, -0.025)),
    "right_ankle": ("right_knee", None),
    "spine3": ("spine2", (0.0, 0.075, 0.02)),
    "smpl_left_foot": ("left_ankle", (0.115, -1.145, 0.095)),
    "smpl_right_foot": ("right_ankle", None),
    "neck": ("spine3", (0.0, 0.285, -0.01)),
    "left_collar": ("spine3", (0.08, 0.195, -0.005)),
    "right_collar": ("spine3", None),
    "smpl_head": ("neck", (0.0, 0.36, 0.03)),
    "left_shoulder": ("left_collar", (0.175, 0.225, -0.015)),
    "right_shoulder": ("right_collar", None),
    "left_elbow": ("left_shoulder", (0.435, 0.22, -0.035)),
    "right_elbow": ("right_shoulder", None),
    "left_wrist": ("left_elbow", (0.685, 0.225, -0.04)),
    "right_wrist": ("right_elbow", None),
    "smpl_left_hand": ("left_wrist", (0.765, 0.215, -0.045)),
    "smpl_right_hand": ("right_wrist", None),
}

# other points, each fixed in the frame of a bone: name -> (joint the bone starts at, rest position)
_LANDMARKS: Final[dict[str, tuple[str, Point]]] = {
    "nose": ("smpl_head", (0.0, 0.425, 0.15)),
    "left_eye": ("smpl_head", (0.032, 0.458, 0.115)),
    "left_ear": ("smpl_head", (0.085, 0.432, 0.01)),
    "jaw": ("smpl_head", (0.0, 0.4, 0.115)),
    "head": ("smpl_head", (0.0, 0.455, 0.035)),
    "head_center": ("smpl_head", (0.0, 0.44, 0.03)),
    "head_top": ("smpl_head", (0.0, 0.56, 0.02)),
    "h36m_head": ("smpl_head", (0.0, 0.54, 0.025)),
    "thorax": ("spine3", (0.0, 0.225, -0.01)),
    "torso": ("spine2", (0.0, 0.05, 0.01)),
    "spine": ("spine2", (0.0, 0.03, 0.005)),
    "mpi_spine2": ("spine3", (0.0, 0.09, 0.0)),
    "mpi_spine3": ("spine3", (0.0, 0.15, -0.005)),
    "mpi_spine4": ("spine3", (0.0, 0.21, -0.01)),
    "jta_spine0": ("spine3", (0.0, 0.24, -0.01)),
    "jta_spine1": ("spine3", (0.0, 0.15, -0.005)),
    "jta_spine2": ("spine2", (0.0, 0.055, 0.0)),
    "jta_spine3": ("spine1", (0.0, -0.05, 0.0)),
    "jta_spine4": ("pelvis", (0.0, -0.17, 0.005)),
    "left_clavicle": ("left_collar", (0.03, 0.215, 0.0)),
    "left_foot": ("left_ankle", (0.105, -1.12, 0.04)),
    "left_toe_base": ("left_ankle", (0.115, -1.15, 0.09)),
    "left_toe": ("smpl_left_foot", (0.12, -1.15, 0.14)),
    "left_toe_tip": ("smpl_left_foot", (0.125, -1.15, 0.158)),
    "left_hand": ("smpl_left_hand", (0.79, 0.214, -0.042)),
    "left_hand_end": ("smpl_left_hand", (0.86, 0.211, -0.035)),
    "left_thumb": ("left_wrist", (0.768, 0.203, 0.042)),
}

# points that are others, or the mean of others
MEANS: Final[dict[str, tuple[str, ...]]] = {
    "body_center": ("left_hip", "right_hip"),
    "h36m_spine_base": ("pelvis",),
    "h36m_left_arm_base": ("neck",),
    "h36m_right_arm_base": ("neck",),
    "h36m_left_thumb_base": ("left_wrist",),
    "h36m_right_thumb_base": ("right_wrist",),
    "h36m_left_hand_site": ("left_hand_end",),
    "h36m_right_hand_site": ("right_hand_end",),
}

# flesh: whether it has a mirror image, start, end, radius at both ends, squeeze (x, y, z)
_CONES: Final[list[tuple[bool, Point, Point, tuple[float, float], Point]]] = [
    (False, (-0.05, -0.27, 0.0), (0.05, -0.27, 0.0), (0.115, 0.115), (1.0, 1.0, 1.05)),
    (False, (0.0, -0.19, 0.003), (0.0, 0.0, 0.008), (0.143, 0.14), (1.0, 1.0, 1.3)),
    (False, (-0.055, 0.085, 0.002), (0.055, 0.085, 0.002), (0.108, 0.108), (1.0, 0.85, 1.02)),
    (False, (-0.1, 0.18, -0.01), (0.1, 0.18, -0.01), (0.07, 0.07), (1.0, 1.0, 0.9)),
    (False, (0.0, 0.23, -0.015), (0.0, 0.38, 0.015), (0.058, 0.054), (1.0, 1.0, 1.0)),
    (False, (0.0, 0.455, 0.02), (0.0, 0.46, 0.03), (0.1, 0.1), (1.32, 0.98, 1.02)),
    (False, (0.0, 0.385, 0.06), (0.0, 0.425, 0.065), (0.04, 0.055), (1.0, 1.0, 1.0)),
    (False, (0.0, 0.447, 0.122), (0.0, 0.422, 0.138), (0.008, 0.012), (1.0, 1.0, 1.0)),
    (True, (0.078, 0.42, 0.012), (0.082, 0.445, 0.005), (0.018, 0.024), (2.6, 1.0, 1.2)),
    (True, (0.03, 0.25, -0.025), (0.14, 0.22, -0.02), (0.045, 0.045), (1.0, 1.0, 1.0)),
    (True, (0.07, 0.115, 0.07), (0.08, 0.125, 0.055), (0.042, 0.042), (0.8, 0.8, 1.1)),
    (True, (0.165, 0.215, -0.017), (0.2, 0.215, -0.017), (0.06, 0.056), (1.0, 1.0, 1.0)),
    (True, (0.17, 0.215, -0.017), (0.435, 0.22, -0.035), (0.052, 0.039), (1.0, 1.0, 1.0)),
    (True, (0.435, 0.22, -0.035), (0.68, 0.225, -0.04), (0.041, 0.026), (1.0, 1.0, 1.0)),
    (True, (0.49, 0.218, -0.035), (0.53, 0.218, -0.035), (0.045, 0.043), (1.0, 1.0, 1.0)),
    (True, (0.68, 0.224, -0.04), (0.75, 0.22, -0.045), (0.034, 0.04), (1.0, 1.7, 1.0)),
    (True, (0.76, 0.218, -0.013), (0.845, 0.212, 0.004), (0.0095, 0.0075), (1.0, 1.0, 1.0)),
    (True, (0.765, 0.218, -0.035), (0.862, 0.212, -0.032), (0.0095, 0.0075), (1.0, 1.0, 1.0)),
    (True, (0.762, 0.218, -0.057), (0.85, 0.21, -0.068), (0.0095, 0.0075), (1.0, 1.0, 1.0)),
    (True, (0.75, 0.217, -0.076), (0.82, 0.208, -0.102), (0.009, 0.007), (1.0, 1.0, 1.0)),
    (True, (0.7, 0.215, -0.025), (0.765, 0.203, 0.038), (0.018, 0.01), (1.0, 1.0, 1.0)),
    (True, (0.078, -0.3, -0.03), (0.082, -0.335, -0.038), (0.085, 0.08), (1.05, 1.0, 1.0)),
    (True, (0.09, -0.33, 0.008), (0.102, -0.7, 0.015), (0.087, 0.056), (1.0, 1.0, 1.0)),
    (True, (0.1, -0.7, 0.015), (0.091, -1.08, -0.025), (0.055, 0.035), (1.0, 1.0, 1.0)),
    (True, (0.1, -0.8, -0.02), (0.097, -0.88, -0.02), (0.046, 0.044), (1.0, 1.0, 1.0)),
    (True, (0.088, -1.1, -0.035), (0.087, -1.135, -0.048), (0.036, 0.034), (1.0, 1.0, 1.0)),
    (True, (0.09, -1.1, -0.01), (0.115, -1.145, 0.095), (0.036, 0.024), (1.0, 1.0, 1.0)),
    (True, (0.11, -1.145, 0.08), (0.125, -1.148, 0.13), (0.04, 0.034), (1.0, 1.7, 1.0)),
]

_BLEND: Final = 0.009
_LEFT: Final = "left_"


def mirrored(name: str) -> str:
    """The same name on the right side."""
    return name.replace(_LEFT, "right_", 1)


def _flip(point: Point) -> Point:
    return (-point[0], point[1], point[2])


def joint_names() -> tuple[str, ...]:
    """The 24 joints in SMPL's order."""
    return tuple(_JOINTS)


def joint_parents() -> tuple[int, ...]:
    """Parent of every joint, -1 for the pelvis."""
    names = list(_JOINTS)
    return tuple(names.index(parent) if parent else -1 for parent, _ in _JOINTS.values())


def joint_positions() -> npt.NDArray[np.float64]:
    """Rest positions of the joints: (24, 3) float64 metres, SMPL axes."""
    return np.array(
        [
            _flip(_JOINTS[name.replace("right_", "left_")][1] or (0.0, 0.0, 0.0)) if place is None else place
            for name, (_, place) in _JOINTS.items()
        ]
    )


def landmarks() -> dict[str, tuple[str, Point]]:
    """Points fixed in the frame of a bone: name -> (joint the bone starts at, rest position), both sides."""
    both = dict(_LANDMARKS)
    for name, (joint, place) in _LANDMARKS.items():
        if _LEFT in name:
            both[mirrored(name)] = (mirrored(joint), _flip(place))
    return both


def solid() -> Solid:
    """The flesh of the figure as a smooth union of cones."""
    both = list(_CONES)
    both += [
        (paired, _flip(start), _flip(end), radius, squeeze)
        for paired, start, end, radius, squeeze in _CONES
        if paired
    ]
    _, start, end, radius, squeeze = zip(*both, strict=True)
    return Solid(np.array(start), np.array(end), np.array(radius), np.array(squeeze), _BLEND)


def lenses() -> list[Lens]:
    """Where the mesh is finer: hands, face, feet."""
    left = [Lens((0.8, 0.215, -0.035), 0.5, 2.3), Lens((0.105, -1.13, 0.05), 0.25, 1.3)]
    return [
        Lens((0.0, 0.43, 0.07), 0.4, 1.5),
        *left,
        *(Lens(_flip(lens.centre), lens.radius, lens.magnification) for lens in left),
    ]


# the bones as thick lines, for skinning: joint -> (the joint or landmark the bone ends at, thickness)
_BONES: Final[dict[str, tuple[str, float]]] = {
    "pelvis": ("spine1", 0.11),
    "left_hip": ("left_knee", 0.08),
    "left_knee": ("left_ankle", 0.035),
    "left_ankle": ("smpl_left_foot", 0.045),
    "smpl_left_foot": ("left_toe_tip", 0.025),
    "spine1": ("spine2", 0.115),
    "spine2": ("spine3", 0.115),
    "spine3": ("neck", 0.1),
    "neck": ("smpl_head", 0.05),
    "smpl_head": ("head_top", 0.07),
    "left_collar": ("left_shoulder", 0.05),
    "left_shoulder": ("left_elbow", 0.045),
    "left_elbow": ("left_wrist", 0.03),
    "left_wrist": ("smpl_left_hand", 0.025),
    "smpl_left_hand": ("left_hand_end", 0.02),
}


def bones() -> list[tuple[str, npt.NDArray[np.float64], npt.NDArray[np.float64], float]]:
    """The bones as thick lines: joint it starts at, start and end (3,) metres, thickness in metres."""
    place = dict(zip(joint_names(), joint_positions(), strict=True))
    place |= {name: np.array(point) for name, (_, point) in landmarks().items()}
    both = dict(_BONES)
    for joint, (end, thickness) in _BONES.items():
        if _LEFT in joint:
            both[mirrored(joint)] = (mirrored(end), thickness)
    return [(joint, place[joint], place[end], thickness) for joint, (end, thickness) in both.items()]
