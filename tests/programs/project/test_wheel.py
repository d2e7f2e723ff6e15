"""What a person gets who has only the wheel: the same audit, in an empty folder, with an inventory of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MINE = """
nodes: {here: {connection: local}}
services: {none: none yet}
backups: {none: none yet}
certificates: {none: none yet}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources and unpacked beside nothing else of ours."""
    location = tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (location / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, location / "source" / name)
    python(location, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(location), str(location / "source"))
    [wheel] = location.glob("*.whl")
    python(
        location, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(location / "installed"), str(wheel)
    )
    return location / "installed"


def python(location: Path, *words: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(path or ""), "FLEETKEEPER_STATE": str(location / "state")}
    done = subprocess.run([sys.executable, *words], cwd=location, env=env, capture_output=True, text=True, check=False)
    assert path or done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_wheel_holds_every_script(installed: Path) -> None:
    folders = [ROOT / package for package in ("fleetkeeper", "remediate")]
    scripts = [path.relative_to(ROOT) for folder in folders for path in folder.rglob("scripts/*")]
    assert [path for path in scripts if not (installed / path).is_file()] == []
    assert len(scripts) > 50


def test_the_wheel_audits_with_an_inventory_of_ones_own(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text(MINE)
    ran = python(tmp_path, "-m", "pytest", "-q", "--hosts=./mine.yml", path=installed)
    assert "nodes.can_be_looked_at" in (tmp_path / "state/audits/mine/results.json").read_text(), ran.stdout
    assert "none yet" in ran.stdout


def test_the_wheel_without_hosts_audits_nothing_and_says_so(installed: Path, tmp_path: Path) -> None:
    ran = python(tmp_path, "-m", "pytest", "--pyargs", "fleetkeeper.checks", path=installed)
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--hosts" in ran.stderr


def test_a_plain_testinfra_test_runs_over_our_connections(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text(MINE)
    (tmp_path / "test_own.py").write_text("def test_own(host):\n    assert host.file('/etc/passwd').exists\n")
    ran = python(tmp_path, "-m", "pytest", "-v", "--hosts=./mine.yml", path=installed)
    assert "test_own[here] PASSED" in ran.stdout


def test_the_wheel_installs_two_packages_and_two_commands_and_the_checks_inside(installed: Path) -> None:
    folders = {path.name for path in installed.iterdir() if path.is_dir() and path.suffix != ".dist-info"}
    assert folders - {"bin", "__pycache__"} == {"fleetkeeper", "remediate"}
    assert {path.name for path in (installed / "bin").iterdir()} == {"fleetkeeper", "remediate"}
    inside = {path.name for path in (installed / "fleetkeeper" / "checks").glob("*.py")}
    assert inside == {path.name for path in (ROOT / "checks").glob("*.py")}
