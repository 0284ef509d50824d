"""What a conversion did, as a table a person reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - a field of a dataclass that is shown
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mhbench.conversion.records import Converted
    from mhbench.jobs.journal import Failure


SUSPICIOUS_PX: Final = 10.0
MOST_WARNINGS: Final = 10


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """What a conversion did; printed, it is the table of the command.

    Attributes:
        dataset: id of the data set.
        folder: its folder of shards.
        results: the items of this run that have a shard, by name.
        failures: why the others have none, by name.
        index: the index, if this run wrote it.
    """

    dataset: str
    folder: Path
    results: Mapping[str, Converted]
    failures: Mapping[str, Failure]
    index: Path | None

    @property
    def done(self) -> int:
        """Number of items that were converted."""
        return sum(not one.reused for one in self.results.values())

    @property
    def current(self) -> int:
        """Number of items whose shard was current."""
        return len(self.results) - self.done

    @property
    def frames(self) -> int:
        """Frames in the shards of this run's items."""
        return sum(one.shard.frames for one in self.results.values())

    @property
    def persons(self) -> int:
        """People in the shards of this run's items."""
        return sum(one.shard.persons for one in self.results.values())

    @property
    def excluded(self) -> int:
        """Frames left out on purpose."""
        return sum(entry.frames for one in self.results.values() for entry in one.excluded)

    @property
    def outside_share(self) -> float:
        """Share of the joints in the heatmaps that lie outside the grid's depths; 0 without heatmaps."""
        drawn = sum(one.drawn for one in self.results.values())
        return sum(one.outside for one in self.results.values()) / drawn if drawn else 0.0

    def __str__(self) -> str:
        available = sum(one.shard.frames_available for one in self.results.values())
        megabytes = sum(one.shard_bytes for one in self.results.values()) / 1e6
        rows = [
            ("items", f"{self.done} converted, {self.current} current, {len(self.failures)} failed"),
            ("frames", f"{self.frames} of {available} in the raw data"),
            ("people", f"{self.persons}"),
            ("shards", f"{megabytes:.1f} MB in {self.folder}"),
        ]
        if any(one.drawn for one in self.results.values()):
            rows.append(("outside grid", f"{self.outside_share:.3%} of the labelled joints in the images"))
        rows += self._images()
        checks = [one.reprojection for one in self.results.values() if one.reprojection is not None]
        if checks:
            worst = max(checks, key=lambda check: check.median_px)
            rows.append(("reprojection", f"{worst.median_px:.3f} px median of the worst item"))
        lines = [f"{self.dataset}", *(f"  {name:<13} {value}" for name, value in rows)]
        return "\n".join([*lines, *self._warnings(), *self._exclusions(), *self._failures(), *self._next()])

    def _images(self) -> list[tuple[str, str]]:
        records = [one for one in self.results.values() if one.images is not None]
        stored = sum(one.images.stored for one in records if one.images)
        rows = [("images", f"{stored} in the shards")] if records else []
        filmed = [(one.images.video_frames, one.shard.frames_available) for one in records if one.images]
        if any(frames for frames, _ in filmed):
            video, annotated = (sum(part) for part in zip(*filmed, strict=True))
            unlike = sum(one != other for one, other in filmed)
            text = (
                f"{video} frames, {annotated} of them annotated; {unlike} of {len(filmed)} differ in length"
            )
            rows.append(("videos", text))
        return rows

    def _warnings(self) -> list[str]:
        """What the checks after each item found suspicious."""
        lines = [
            f"warning: {item}: 3D lies {one.reprojection.median_px:g} px from 2D; is it the right camera?"
            for item, one in self.results.items()
            if one.reprojection is not None and one.reprojection.median_px > SUSPICIOUS_PX
        ]
        lines += [
            f"warning: {item}: {one.bodies.warning}"
            for item, one in self.results.items()
            if one.bodies is not None and one.bodies.warning
        ]
        more = [f"warning: {len(lines) - MOST_WARNINGS} more items"] if len(lines) > MOST_WARNINGS else []
        return [*lines[:MOST_WARNINGS], *more]

    def _exclusions(self) -> list[str]:
        reasons: dict[str, int] = {}
        for one in self.results.values():
            for entry in one.excluded:
                reasons[entry.reason] = reasons.get(entry.reason, 0) + entry.frames
        notes = [f"note: {reason}" for reason, frames in sorted(reasons.items()) if not frames]
        heading = [f"left out: {self.excluded} frames"] if self.excluded else []
        lines = [f"  {frames} frames: {reason}" for reason, frames in sorted(reasons.items()) if frames]
        return [*notes, *heading, *lines]

    def _failures(self) -> list[str]:
        lines = [f"failed: {len(self.failures)} items"] if self.failures else []
        for item, failure in self.failures.items():
            lines.append(f"  {item}: {failure.what}")
            lines += [f"    expected: {failure.expected}"] if failure.expected else []
            lines += [f"    to do:    {failure.action}"] if failure.action else []
        return lines

    def _next(self) -> list[str]:
        lines = ["run the same command again to try the failed items anew"] if self.failures else []
        if self.index is not None:
            lines += [f"index: {self.index}", f"next: mhbench verify {self.folder}"]
            return [*lines, f"then: mhbench view {self.folder}"]
        if self.results:
            return [*lines, f"no index yet; when all jobs are done: mhbench index {self.folder}"]
        return [*lines, "nothing was converted, so there is no index"]
