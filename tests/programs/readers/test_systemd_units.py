"""The unit files of timers' services, as the look prints them from a systemd that is played."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleetkeeper.readers.cron.snapshot import read
from fleetkeeper.readers.systemd_timers import service_script
from fleetkeeper.readers.systemd_units import units
from fleetkeeper.transport.script_files import load_script

SYSTEMCTL = """#!/bin/sh
case $* in *.timer*) printf 'Id=le.timer\\nUnit=le.service\\n'; exit ;; is-enabled*) echo enabled; exit ;; esac
printf 'Id=le.service\\nExecStart=\\nFragmentPath=%s/le.service\\nDropInPaths=%s/x.conf\\n' FOLDER FOLDER
printf 'User=0\\nGroup=root\\n'
"""
UNIT = """[Unit]
ConditionPathExists=/etc/letsencrypt
[Service]
Environment=PASSWORD=hunter2
# ExecStart=/bin/commented
ExecStart=/usr/bin/certbot renew \\
  --deploy-hook "nginx -s reload"
"""


@pytest.mark.parametrize("shell", [("sh",), ("busybox", "sh")], ids=" ".join)
def test_what_a_timer_starts_is_printed_from_its_files_without_its_environment(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "systemctl").write_text(SYSTEMCTL.replace("FOLDER", str(tmp_path)))
    (tmp_path / "systemctl").chmod(0o755)
    (tmp_path / "le.service").write_text(UNIT)
    (tmp_path / "x.conf").write_text("[Service]\nExecStartPost=/bin/after")
    script = load_script("fleetkeeper/readers/cron/scripts/list_schedules.sh").replace("/run/systemd/system", "/etc")
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run([*shell, "-c", script], capture_output=True, text=True, check=True, env=path)
    assert "hunter2" not in done.stdout
    printed = read(done.stdout)
    [service] = units(printed.lines["service"])
    lines = printed.lines["setting"]
    assert (
        service_script(service, lines) == "'/usr/bin/certbot' 'renew' '--deploy-hook' 'nginx -s reload'\n'/bin/after'"
    )
    assert (printed.one("number"), printed.one("gid")) == ("0 root", "root 0")
    assert f"{tmp_path}/le.service ConditionPathExists=/etc/letsencrypt" in lines
