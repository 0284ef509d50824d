"""What the checks say that go through a container before a library reads it."""

from __future__ import annotations


class BoundsError(Exception):
    """A file is not what its sizes and offsets say; the reason in words."""


class TooLargeError(Exception):
    """A file declares or unpacks to more than it may."""
