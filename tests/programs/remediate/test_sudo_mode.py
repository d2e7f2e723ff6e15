"""One inventory for the night that may only look and for people who repair."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fleetkeeper.topics.registry import load_inventory
from remediate.commands.main import cli
from remediate.sudo_mode import for_repairs

INVENTORY = """
nodes:
  audited: {address: 192.0.2.7, sudo: audit}
  open: {address: 192.0.2.8, sudo: true}
  plain: {address: 192.0.2.9}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
"""


def test_whoever_repairs_asks_for_all_of_sudo_where_an_audit_asks_for_its_questions(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(INVENTORY)
    inventory = load_inventory(path)
    assert [node.sudo for node in inventory.nodes.values()] == ["audit", True, False]
    assert [node.sudo for node in for_repairs(inventory).nodes.values()] == [True, True, False]


SUDO = """#!/bin/sh
echo "$2 $3" >> LOG
echo "sudo: a password is required" >&2
exit 1
"""


HERE = INVENTORY.replace("address: 192.0.2.7", "connection: local").replace(
    "  open: {address: 192.0.2.8, sudo: true}\n", ""
)
HELPER = "-- /usr/local/sbin/fleetkeeper-look"


@pytest.mark.parametrize(("words", "asked"), [((), HELPER), (("--fix", "--yes"), "-- /bin/sh")], ids=["plan", "fix"])
def test_a_plan_goes_through_the_helper_and_a_repair_asks_for_all_of_sudo(
    words: tuple[str, ...], asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sudo").write_text(SUDO.replace("LOG", str(tmp_path / "log")))
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    for program in ("sudo", "id"):
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "mine.yml").write_text(HERE.replace("  plain: {address: 192.0.2.9}\n", ""))
    call = [f"--hosts={tmp_path}/mine.yml", f"--state={tmp_path}/state", "--only=nodes", *words]
    assert CliRunner().invoke(cli, call).exit_code == 4
    asked_for = set((tmp_path / "log").read_text().splitlines())
    assert asked_for - {"/bin/sh -c"} == {asked}  # the connection may end before the shell knows that sudo has ended
