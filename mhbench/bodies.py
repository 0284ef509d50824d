"""Bodies of the SMPL family: the arrays of a model file, and the joints and meshes of people made with them.

A body model is a rest mesh, directions of shape and pose, a regressor of joints and skinning weights. Its
file is licensed and never part of this package; `mhbench.datasets.raw.body_models` reads it. The skinning is
`smplx.lbs.lbs`, which takes a mesh of any size (extra `body`); rotations are made here, in double precision.

Metres and radians. A pose is the axis-angle of every joint in the frame of its parent, the root's in the
frame the body is placed in: the world, or a camera. `transl` is added at the end, so the root joint lies at
its rest position plus `transl`, and not at `transl`.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import InputError, MissingExtraError, ShapeError

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

Gender = Literal["female", "male", "neutral"]
GENDERS: Final[dict[str, Gender]] = {
    "f": "female",
    "female": "female",
    "m": "male",
    "male": "male",
    "n": "neutral",
    "neutral": "neutral",
}
_BATCH: Final = 32  # bodies skinned at once: 90 MB with SMPL's mesh
_MOST_UNEVEN: Final = 1e-3  # by which the weights of a vertex may miss a sum of one


@dataclass(frozen=True, eq=False)
class BodyModel:
    """A body model of V vertices, J joints, B shape coefficients and T triangles.

    Attributes:
        gender: whom it was made from.
        v_template: (V, 3) rest vertices, metres.
        shapedirs: (V, 3, B) metres per unit of each shape coefficient.
        posedirs: (V, 3, 9 (J - 1)) metres per unit of each entry of the rotations less the identity.
        J_regressor: (J, V) rest vertices -> rest joints.
        weights: (V, J) skinning weights.
        parents: (J,) int64 parents of the joints, before their children; the root comes first and has -1.
        faces: (T, 3) int64 vertices of the triangles.

    Raises:
        ShapeError: the arrays do not fit each other.
    """

    gender: Gender
    v_template: Floats
    shapedirs: Floats
    posedirs: Floats
    J_regressor: Floats
    weights: Floats
    parents: Integers
    faces: Integers

    def __post_init__(self) -> None:
        sizes = check_shape("v_template", self.v_template, "V 3")
        check_shape("J_regressor", self.J_regressor, "J V", sizes)
        check_shape("weights", self.weights, "V J", sizes)
        check_shape("shapedirs", self.shapedirs, "V 3 B", sizes)
        check_shape("posedirs", self.posedirs, f"V 3 {9 * (sizes.get('J', 1) - 1)}", sizes)
        check_shape("parents", self.parents, "J", sizes)
        check_shape("faces", self.faces, "T 3")

    def vertices(
        self, pose: npt.ArrayLike, betas: npt.ArrayLike, transl: npt.ArrayLike | None = None
    ) -> Floats:
        """Meshes of N bodies.

        Args:
            pose: (N, 3 J) or (N, J, 3) axis-angle.
            betas: (N, b) or (b,) shape coefficients; of more than the model has, the first are used, as every
                reader of 3DPW does, and missing ones are 0.
            transl: (N, 3) or (3,) metres; none by default.

        Returns:
            (N, V, 3) float64 metres.

        Raises:
            ShapeError: the shapes do not fit.
            MissingExtraError: smplx or torch is not installed.
        """
        rotations, shapes, shift = self._arguments(pose, betas, transl)
        lbs, torch = _skinning()
        parts = []
        for first in range(0, len(rotations), _BATCH):
            rows = slice(first, first + _BATCH)
            arrays = (shapes[rows], rotations[rows].reshape(-1, len(self.parents), 9))
            posed, _ = lbs.lbs(*map(torch.from_numpy, arrays), *self._tensors, pose2rot=False)
            parts.append(posed.numpy() + shift[rows, None])
        return np.concatenate(parts) if parts else np.zeros((0, *self.v_template.shape))

    def joints(
        self, pose: npt.ArrayLike, betas: npt.ArrayLike, transl: npt.ArrayLike | None = None
    ) -> Floats:
        """Joints of N bodies, without their meshes: arguments and errors of `vertices`.

        Returns:
            (N, J, 3) float64 metres.
        """
        rotations, shapes, shift = self._arguments(pose, betas, transl)
        lbs, torch = _skinning()
        rest = torch.from_numpy(self.rest_joints(shapes))
        parents = torch.from_numpy(self.parents)
        placed, _ = lbs.batch_rigid_transform(torch.from_numpy(rotations), rest, parents, dtype=torch.float64)
        return np.asarray(placed.numpy() + shift[:, None])

    def rest_joints(self, betas: npt.ArrayLike) -> Floats:
        """Joints (N, J, 3) metres of bodies of shapes (N, b) in the rest pose, without translation."""
        joints, directions = self._rest
        placed: Floats = joints + np.einsum("jcb,nb->njc", directions, self._shapes(betas))
        return placed

    @functools.cached_property
    def _rest(self) -> tuple[Floats, Floats]:
        """Rest joints (J, 3) of the template and their directions (J, 3, B)."""
        directions = np.tensordot(self.J_regressor, self.shapedirs, axes=1)
        return self.J_regressor @ self.v_template, directions

    @functools.cached_property
    def _tensors(self) -> tuple[Any, ...]:
        """The model's arguments of `lbs`, after betas and pose."""
        _, torch = _skinning()
        corrections = self.posedirs.reshape(self.v_template.size, -1).T
        arrays = (self.v_template, self.shapedirs, corrections, self.J_regressor, self.parents, self.weights)
        return tuple(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays)

    def _arguments(
        self, pose: npt.ArrayLike, betas: npt.ArrayLike, transl: npt.ArrayLike | None
    ) -> tuple[Floats, Floats, Floats]:
        rotations = self._rotations(pose)
        count = len(rotations)
        shapes = self._shapes(betas)
        shift = np.atleast_2d(np.asarray(0.0 if transl is None else transl, dtype=np.float64))
        try:
            return (
                rotations,
                np.array(np.broadcast_to(shapes, (count, shapes.shape[1]))),
                np.broadcast_to(shift, (count, 3)),
            )
        except ValueError as error:
            raise ShapeError(
                f"betas {shapes.shape} and transl {shift.shape} do not fit {count} poses",
                expected=f"({count}, coefficients) and ({count}, 3), or one row for all",
                action="check the order of the axes",
            ) from error

    def _rotations(self, pose: npt.ArrayLike) -> Floats:
        joints = len(self.parents)
        given = np.asarray(pose, dtype=np.float64)
        if given.ndim == 2 and given.shape[1] == 3 * joints:
            given = given.reshape(-1, joints, 3)
        check_shape("pose", given, f"N {joints} 3")
        return rotations_of(given)

    def _shapes(self, betas: npt.ArrayLike) -> Floats:
        given = np.atleast_2d(np.asarray(betas, dtype=np.float64))
        check_shape("betas", given, "N b")
        available = self.shapedirs.shape[2]
        shapes = np.zeros((len(given), available))
        shapes[:, : given.shape[1]] = given[:, :available]
        return shapes


def body_model(arrays: dict[str, npt.NDArray[Any]], gender: Gender, where: str) -> BodyModel:
    """The body model of the arrays of a file, under the names and in the shapes of the official files.

    Args:
        arrays: v_template, shapedirs, posedirs, J_regressor, weights, f, and kintree_table (2, J), whose
            first row holds the parents (the root's is the largest uint32, or -1).
        gender: whom it was made from.
        where: the file, for messages.

    Raises:
        InputError: the arrays do not fit each other, or hold what no body has; the message says which.
    """
    table = np.asarray(arrays["kintree_table"]).astype(np.int64)
    if table.ndim != 2 or table.shape[1] < 1:
        raise _unusable(where, f"kintree_table has shape {table.shape}", "(2, joints)")
    parents = table[0].copy()
    parents[0] = -1
    names = {field.name for field in fields(BodyModel)} & set(arrays)
    floats = {name: np.ascontiguousarray(arrays[name], dtype=np.float64) for name in sorted(names)}
    faces = np.asarray(arrays["f"]).astype(np.int64)
    try:
        model = BodyModel(gender=gender, parents=parents, faces=faces, **floats)
    except ShapeError as error:
        raise _unusable(where, error.what, error.expected) from error
    for name, values in floats.items():
        if not np.isfinite(values).all():
            raise _unusable(where, f"{name} holds NaN or infinity", "finite numbers")
    if np.any(parents[1:] < 0) or np.any(parents[1:] >= np.arange(1, len(parents))):
        raise _unusable(where, "kintree_table is no tree", "every joint after its parent, the root first")
    if faces.size and not 0 <= faces.min() <= faces.max() < len(model.v_template):
        raise _unusable(where, "f names vertices that do not exist", f"0 to {len(model.v_template) - 1}")
    if np.abs(model.weights.sum(axis=1) - 1).max(initial=0) > _MOST_UNEVEN:
        raise _unusable(where, "the skinning weights of a vertex do not sum to one", "rows of sum 1")
    return model


def gender_name(word: object, where: str) -> Gender:
    """The gender a data set means: m, f, n or the whole word, in any case.

    Raises:
        InputError: it is none of them. No body is made of a guess: genders differ by centimetres.
    """
    name = GENDERS.get(str(word).strip().lower())
    if name is None:
        raise InputError(
            f"{where}: there is no body model for the gender {word!r}",
            expected=f"one of: {', '.join(GENDERS)}",
            action="correct the annotation, or name the gender whose model is meant",
        )
    return name


def regress(vertices: npt.ArrayLike, regressor: npt.ArrayLike) -> Floats:
    """Joints as fixed means of vertices, such as Human3.6M's 17 with `J_regressor_h36m.npy`.

    Args:
        vertices: (..., V, 3) metres.
        regressor: (J, V), rows that sum to one.

    Returns:
        (..., J, 3) float64 metres, in the frame of the vertices.

    Raises:
        ShapeError: the regressor is for a mesh of another size.
    """
    mesh, rows = np.asarray(vertices, dtype=np.float64), np.asarray(regressor, dtype=np.float64)
    sizes = check_shape("vertices", mesh, "... V 3")
    check_shape("regressor", rows, "J V", sizes)
    joints: Floats = np.einsum("jv,...vc->...jc", rows, mesh, optimize=True)
    return joints


def rotations_of(axis_angles: npt.ArrayLike) -> Floats:
    """Rotation matrices (..., 3, 3) of axis-angles (..., 3) in radians."""
    from scipy.spatial.transform import Rotation  # noqa: PLC0415 - a quarter of a second, and few need it

    given = np.asarray(axis_angles, dtype=np.float64)
    check_shape("axis_angles", given, "... 3")
    matrices: Floats = Rotation.from_rotvec(given.reshape(-1, 3)).as_matrix()
    return matrices.reshape(*given.shape, 3)


def axis_angles_of(rotations: npt.ArrayLike) -> Floats:
    """Axis-angles (..., 3) of rotation matrices (..., 3, 3), at most half a turn; the nearest rotation's."""
    from scipy.spatial.transform import Rotation  # noqa: PLC0415 - see rotations_of

    given = np.asarray(rotations, dtype=np.float64)
    check_shape("rotations", given, "... 3 3")
    angles: Floats = Rotation.from_matrix(given.reshape(-1, 3, 3)).as_rotvec()
    return angles.reshape(given.shape[:-1])


def turn_body(
    root: npt.ArrayLike, transl: npt.ArrayLike, pelvis: npt.ArrayLike, R: npt.ArrayLike, t: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """Root rotation and translation of the same bodies in another frame, `X' = R X + t`.

    A model turns a body about its rest pelvis, which is not the origin, so `R transl + t` would be wrong by
    up to twice the pelvis' distance from the origin (0.2 m for SMPL).

    Args:
        root: (N, 3) axis-angle of the root in the first frame.
        transl: (N, 3) metres, first frame.
        pelvis: (N, 3) metres, the root joint of the shaped body in the rest pose, without translation.
        R: (N, 3, 3) rotations from the first frame to the second.
        t: (N, 3) metres.

    Returns:
        root (N, 3) and transl (N, 3) in the second frame.
    """
    angles, shift = np.asarray(root, dtype=np.float64), np.asarray(transl, dtype=np.float64)
    rest, turn = np.asarray(pelvis, dtype=np.float64), np.asarray(R, dtype=np.float64)
    sizes = check_shape("root", angles, "N 3")
    for name, array, pattern in (("transl", shift, "N 3"), ("pelvis", rest, "N 3"), ("R", turn, "N 3 3")):
        check_shape(name, array, pattern, sizes)
    turned = axis_angles_of(np.einsum("nij,njk->nik", turn, rotations_of(angles)))
    return turned, np.einsum("nij,nj->ni", turn, rest + shift) + np.asarray(t, dtype=np.float64) - rest


@functools.cache
def _skinning() -> tuple[Any, Any]:
    """The module `smplx.lbs` and torch."""
    purpose = "skinning a body model"
    with contextlib.redirect_stdout(io.StringIO()):  # smplx prints what a command's output must not hold
        for package in ("torch", "smplx"):
            try:
                importlib.import_module(package)
            except ModuleNotFoundError as error:
                raise MissingExtraError.of(package, "body", purpose) from error
        return importlib.import_module("smplx.lbs"), importlib.import_module("torch")


def _unusable(where: str, what: str, expected: str) -> InputError:
    return InputError(
        f"{where} is no body model: {what}",
        expected=expected,
        action="get the file from its official site again",
    )
