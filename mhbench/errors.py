"""The exception tree: every error a user can cause, in three parts.

    MhbenchError                 what is wrong, what was expected, what to do next
    ├── UsageError               the command or call is wrong (names, options, combinations)
    ├── InputError               a file or folder that was given cannot be used
    │   ├── MissingInputError    it is not there (also a FileNotFoundError)
    │   └── UnsafeInputError     it would run code or leave its folder; nothing was executed
    ├── ShapeError               an array has the wrong shape or type (also a ValueError)
    ├── ManifestError            a manifest of ours or of the user breaks its schema
    ├── PredictionError          a predictions file breaks its format; carries the JSON path
    ├── OutputError              the place to write to cannot take it (full, not writable, other options)
    ├── WorkerError              a worker process died, again
    └── MissingExtraError        an optional package is not installed (also an ImportError)

The command line prints the three parts and ends with `exit_code`; a library user catches them as usual.
"""

from __future__ import annotations


class MhbenchError(Exception):
    """Base of all errors of this package: what is wrong, what was expected, what to do next.

    Args:
        what: what is wrong, with the path, key or JSON path it was found at.
        expected: what was expected there.
        action: what the user can do next.
    """

    exit_code = 2

    def __init__(self, what: str, *, expected: str = "", action: str = "") -> None:
        super().__init__(what, expected, action)
        self.what = what
        self.expected = expected
        self.action = action

    def __str__(self) -> str:
        lines = [self.what]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.action:
            lines.append(f"  to do:    {self.action}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders; the keyword arguments would otherwise be lost.
        return (_rebuild, (type(self), self.what, self.expected, self.action))


def _rebuild(kind: type[MhbenchError], what: str, expected: str, action: str) -> MhbenchError:
    return kind(what, expected=expected, action=action)


class UsageError(MhbenchError):
    """The command or call is wrong: unknown name, impossible combination of options."""


class InputError(MhbenchError):
    """A file or folder that was given cannot be used."""


class MissingInputError(InputError, FileNotFoundError):
    """A file or folder that was given is not there."""


class UnsafeInputError(InputError):
    """A file would run code or reach outside its folder; nothing of it was executed."""


class ShapeError(MhbenchError, ValueError):
    """An array has the wrong shape or type."""


class ManifestError(MhbenchError):
    """A manifest breaks its schema."""


class PredictionError(MhbenchError):
    """A predictions file breaks its format."""


class OutputError(MhbenchError):
    """The place to write to cannot take the output: full, not writable, or made with other options."""


class WorkerError(MhbenchError):
    """A worker process died and its item could not be finished."""


class MissingExtraError(MhbenchError, ImportError):
    """An optional package is not installed."""

    @classmethod
    def of(cls, package: str, extra: str, purpose: str) -> MissingExtraError:
        """Error for `package` of the optional dependency `extra`, needed for `purpose`."""
        return cls(
            f"the package {package!r} is not installed, but {purpose} needs it",
            expected=f"an installation with the extra {extra!r}",
            action=f"pip install 'mhbench[{extra}]'",
        )
