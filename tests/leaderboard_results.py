"""Made-up results of panoptic/generic: noise around a level, the same draws for all, no evaluation needed."""

from __future__ import annotations

import base64
import hashlib

import numpy as np

from mhbench.evaluation.directions import lower_is_better
from mhbench.evaluation.results import Breakdown, Comparable, Counts, Resampling, Result, UsedProtocol, Value
from mhbench.protocols.loading import load_protocol, protocol_hash
from mhbench.skeletons import skeleton

PROTOCOL = "panoptic/generic"
DRAWS = 200
UNIT = {"mpjpe_abs": "mm", "mpjpe": "mm", "pck@150mm": "%", "f1.person@0.5m": "%"}
_SHARED = np.random.default_rng(0).normal(size=DRAWS)  # what is hard for every model


def made_result(
    model="model",
    level=100.0,
    *,
    own=0.5,
    common=4.0,
    missing=0,
    coverage=1.0,
    trained_on=("coco",),
    reasons=(),
    drawn=True,
    frames="f" * 64,
    truth="a" * 64,
    protocol=PROTOCOL,
    whole=True,
    **metrics,
):
    """`level`: mpjpe_abs in mm, the others follow from it; `own`: spread that no other model shares.

    Every metric of the protocol; four of them if not `whole`.
    """
    rules = load_protocol(protocol)
    values = {
        "mpjpe_abs": level,
        "mpjpe": 0.8 * level,
        "pck@150mm": 100.0 - 0.2 * level,
        "f1.person@0.5m": 99.0 - 0.1 * level,
    }
    unit = dict(UNIT)
    for rule in rules.metric if whole else ():
        unit[rule.name] = "mm" if lower_is_better(rule.name) else "%"
        values.setdefault(rule.name, 0.6 * level if unit[rule.name] == "mm" else 98.0 - 0.1 * level)
    if whole:
        values = {rule.name: values[rule.name] for rule in rules.metric}
    values |= metrics
    seed = int(hashlib.sha256(model.encode()).hexdigest()[:8], 16)
    noise = own * np.random.default_rng(seed).normal(size=DRAWS)
    draws = {
        name: value + (0.1 if unit[name] == "%" else 1.0) * (common * _SHARED + noise)
        for name, value in values.items()
    }
    reasons = (*reasons, f"{missing} of 100 expected frames are not predicted") if missing else tuple(reasons)
    return Result(
        protocol=UsedProtocol(
            name=protocol,
            version=rules.version,
            hash=protocol_hash(rules),
            frames_sha256=frames,
            gt_sha256=truth,
            evidence=rules.weakest_evidence,
            joints=skeleton("panoptic_15").joints,
            resampled=f"{DRAWS} draws of 12 sequences" if drawn else "",
        ),
        comparable=Comparable(value=not reasons, reasons=reasons),
        model=model,
        trained_on=trained_on,
        dataset="panoptic",
        metrics={
            name: Value(
                value=float(value),
                unit=unit[name],
                ci95=tuple(np.percentile(draws[name], [2.5, 97.5]).tolist()) if drawn else None,
            )
            for name, value in values.items()
        },
        breakdown=tuple(
            Breakdown(by=by, key=key, metrics={name: float(value) for name, value in values.items()})
            for by, keys in (("sequence", ("band", "pizza")), ("camera", ("00_16",)))
            for key in keys
        ),
        counts=Counts(
            frames=100,
            frames_missing=missing,
            gt_persons=300,
            predicted_persons=290,
            matched=280,
            missed=20,
            false_positives=10,
            joints_dropped=0,
            persons_without_root=0,
        ),
        joint_coverage=coverage,
        provenance={"mhbench": "0.1.0", "predictions_sha256": hashlib.sha256(model.encode()).hexdigest()},
        resampling=Resampling(
            unit="sequence",
            units=12,
            draws=DRAWS,
            sha256="d" * 64,
            values={
                name: base64.b64encode(one.astype("<f4").tobytes()).decode() for name, one in draws.items()
            },
        )
        if drawn
        else None,
    )


def saved(folder, result, name=""):
    path = folder / f"{name or result.model.replace('/', '_')}-result.json"
    path.write_bytes(result.to_json())
    return path
