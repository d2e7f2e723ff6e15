"""The lab with its faults, as it was recorded, and the verdicts that go with it.

`python -m tests.recorded_lab NAME FAULT…` breaks the lab, records `NAME.json.gz`, mends the lab, and writes the
verdicts of this recording to `verdicts.json`; `python -m tests.recorded_lab` writes the verdicts of all of them again.
A verdict that changes there without a reason in the commit is a mistake.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fleetkeeper.audit import Audit, open_audit
from fleetkeeper.judging.verdicts import Verdict

FOLDER = Path(__file__).parent / "fixtures" / "verdicts"
VERDICTS = FOLDER / "verdicts.json"
CA = FOLDER / "ca.pem"


def recordings() -> list[str]:
    """The names of the recordings."""
    return sorted(path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz"))


def replayed(name: str, folder: Path) -> Audit:
    """An audit of the lab that judges one recording; `folder` takes the unpacked file."""
    audit = open_audit("lab", strict=True)
    audit.inventories = {"lab": audit.inventories["lab"].model_copy(update={"ca": str(CA)})}
    recording = folder / f"{name}.json"
    recording.write_bytes(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))
    audit.replay(recording)
    return audit


def verdicts_of(name: str) -> dict[str, dict[str, Any]]:
    """Every verdict about one recording, by rule and subject: its outcome, and each finding without its words.

    Rules of topics that are younger than the recording are left out.
    """
    with TemporaryDirectory() as folder:
        audit = replayed(name, Path(folder))
        recorded = {topic for _, topic in audit.fleets["lab"].facts}
        return {
            f"{verdict.rule.id} {verdict.subject.name}": as_data(verdict)
            for verdict in audit.verdicts("lab")
            if {kind.topic for kind in verdict.rule.looks_at} <= recorded
        }


def as_data(verdict: Verdict) -> dict[str, Any]:
    findings = sorted([finding.severity, finding.node, finding.about] for finding in verdict.findings)
    unknown = sorted({why.node for why in verdict.unknown})
    parts = {"findings": findings, "unknown_on": unknown}
    return {"outcome": verdict.outcome.value} | {key: value for key, value in parts.items() if value}


def record(name: str, faults: list[str]) -> None:
    """Break the running lab, record it, and mend it."""
    with TemporaryDirectory() as folder:
        recording = Path(folder) / "look.json"
        try:
            if faults:
                subprocess.run((sys.executable, "-m", "lab", "break", *faults), check=True)
            words = ("--hosts=lab", f"--record={recording}", f"--state={folder}/state", "-q", "-p", "no:cacheprovider")
            subprocess.run((sys.executable, "-m", "pytest", *words), check=False, stdout=subprocess.DEVNULL)
        finally:
            subprocess.run((sys.executable, "-m", "lab", "mend"), check=True)
        (FOLDER / f"{name}.json.gz").write_bytes(gzip.compress(recording.read_bytes(), mtime=0))
    shutil.copy(".lab/ca.pem", CA)


def main() -> None:
    if len(sys.argv) > 1:
        record(sys.argv[1], sys.argv[2:])
    verdicts = {name: verdicts_of(name) for name in recordings()}
    VERDICTS.write_text(json.dumps(verdicts, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
