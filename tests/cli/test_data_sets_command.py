from __future__ import annotations

import subprocess
import sys

from click.testing import CliRunner

from mhbench.cli.datasets import command
from mhbench.datasets import DATASETS
from mhbench.datasets.manifest import dataset_manifest
from mhbench.errors import UsageError
from mhbench.manifests import manifest_names


def test_every_data_set_is_told_with_its_licence_source_and_needs():
    told = CliRunner().invoke(command, []).output
    for name in manifest_names("datasets"):
        manifest = dataset_manifest(name)
        assert f"{name}  {manifest.title}" in told
        for line in (manifest.licence, manifest.source, *manifest.needs):
            assert line in told
    assert told.count("reader   yes") == len(DATASETS)


def test_one_data_set_is_told_alone():
    told = CliRunner().invoke(command, ["crowdpose"]).output
    assert told.startswith("crowdpose  CrowdPose\n")
    assert "panoptic" not in told.lower()


def test_an_unknown_name_is_refused_with_those_there_are():
    result = CliRunner().invoke(command, ["crowdpos"])
    assert isinstance(result.exception, UsageError)
    assert "crowdpose" in result.exception.expected


def test_the_table_loads_no_numpy():
    script = (
        "import sys\nfrom mhbench.cli import main\n"
        "try:\n    main(['datasets'])\nexcept SystemExit:\n    pass\n"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0
