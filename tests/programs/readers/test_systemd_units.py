"""The unit files of timers' services, as the look prints them from a systemd that is played."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleetkeeper.readers.cron.snapshot import read
from fleetkeeper.readers.systemd_environment import unit_environment
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


PLAYED = """#!/bin/sh
case $* in *.timer*) printf 'Id=le.timer\\nUnit=le.service\\n'; exit ;; is-enabled*) echo enabled; exit ;; esac
case $* in show-env*) printf 'LANG=C\\nPATH=/sbin:/bin\\nTOKEN=hunter2\\nDOCKER_CONTEXT=far\\n'; exit ;; esac
cat FOLDER/shown
"""
SHOWN = """Id=le.service
Environment=A=hunter2 "DOCKER_HOST=tcp://[::1]:2375" "NOTE=x DOCKER_CONTEXT=y" "DOCKER_CONFIG=/a b" PATH=/o:/b
EnvironmentFiles=FOLDER/one* (ignore_errors=no)
EnvironmentFiles=FOLDER/gone (ignore_errors=yes)
UnsetEnvironment=HOME B=hunter2 C=hunter2 D
"""


@pytest.mark.parametrize("shell", [("dash",), ("bash",), ("busybox", "sh")], ids=" ".join)
def test_of_the_environment_of_a_service_only_what_chooses_programs_and_engines_leaves_the_node(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "systemctl").write_text(PLAYED.replace("FOLDER", str(tmp_path)))
    (tmp_path / "systemctl").chmod(0o755)
    (tmp_path / "shown").write_text(SHOWN.replace("FOLDER", str(tmp_path)))
    (tmp_path / "one.conf").write_text("PASSWORD=hunter2\n# DOCKER_HOST=x\n DOCKER_HOST='ssh://old'\nHOME=/srv\n")
    script = load_script("fleetkeeper/readers/cron/scripts/list_schedules.sh").replace("/run/systemd/system", "/etc")
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run([*shell, "-c", script], capture_output=True, text=True, check=True, env=path)
    assert "hunter2" not in done.stdout
    printed = read(done.stdout)
    [service] = units(printed.lines["service"])
    assert service["Environment"].split()[0] == "DOCKER_HOST=tcp://[::1]:2375"
    assert service["UnsetEnvironment"] == "HOME D"
    environment = unit_environment(service, printed)
    assert environment.values == {"DOCKER_HOST": "ssh://old", "PATH": "/o:/b"}
    assert "DOCKER_CON" in environment.starts.why
