"""The script that looks at Docker's engine, in real shells, at a process that listens under the name dockerd."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetkeeper.topics.engine.facts import Facts
from fleetkeeper.topics.engine.observe import inspect_engine
from fleetkeeper.topics.engine.parse import parse
from fleetkeeper.topics.swarm.parse import parse as parse_swarm

SHELLS = [words for words in (("dash",), ("busybox", "sh"), ("bash", "--posix")) if shutil.which(words[0])]
ENGINE = """
import socket, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen()
open("/proc/self/comm", "w").write("dockerd")
print("ready", flush=True)
sys.stdin.read()
"""
DOCKER = """#!/bin/sh
case "$*" in info*) cat "$INFO" ;; *driver=overlay) echo 4f; echo 5a ;; "network ls"*) printf '%s\\n' "$NETWORKS" ;;
*bridge*) [ -n "$BRIDGE" ] && echo "$BRIDGE" ;;
*Ingress*) echo '{"Name":"web","Ingress":false,"Options":{}}'; exit "${LOST:-0}" ;; esac
"""
AUDITCTL = """#!/bin/sh
[ "$1" = -s ] && exec printf 'enabled 1\\nfailure 1\\npid 412\\nbacklog_limit 8192\\n'
printf -- '-w %s -p wa -k docker\\n-a always,exit -S all -F dir=%s -F perm=wa -F key=docker\\n' "$LINK" "$LINK"
"""


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def running_engine(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment in which the script finds a process called dockerd, a client and `auditctl`."""
    root, link, settings = tmp_path / "data", tmp_path / "link", tmp_path / "daemon.json"
    root.mkdir()
    link.symlink_to(root)
    settings.write_text('{\n "log-level": "warn",\n "tlskey": "' + str(tmp_path / "key.pem") + '"\n}')
    (tmp_path / "key.pem").write_text("")
    (tmp_path / "key.pem").chmod(0o640)
    info = {"ServerVersion": "29.1.3", "DockerRootDir": str(root), "HttpProxy": "http://user:geheim@proxy:3128"}
    (tmp_path / "info").write_text(json.dumps(info))
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin", "docker", DOCKER)
    program(tmp_path / "bin", "auditctl", AUDITCTL)
    words = (sys.executable, "-c", ENGINE, tmp_path / "d.sock", "-H", "fd://", "--config-file", settings, "--icc=false")
    own = {**os.environ, "HOME": str(tmp_path)}
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=own) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        yield {
            "PATH": path,
            "DOCKER_HOST": f"unix://{tmp_path / 'd.sock'}",
            "INFO": str(tmp_path / "info"),
            "LINK": str(link),
            "BRIDGE": '{"com.docker.network.bridge.enable_icc":"false"}',
        }
        process.communicate("")


def facts_in(
    shell: tuple[str, ...], environment: dict[str, str], folders: dict[str, str] | None = None
) -> tuple[Facts, str]:
    """What the script sees; `folders` stand for some of the node's own."""
    script = inspect_engine().words[2]
    for own, other in (folders or {}).items():
        script = script.replace(own, other)
    ran = subprocess.run((*shell, "-c", script), env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return parse(ran.stdout), ran.stdout


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
def test_case_91_an_engine_is_seen_as_it_runs(
    shell: tuple[str, ...], running_engine: dict[str, str], tmp_path: Path
) -> None:
    facts, printed = facts_in(shell, running_engine)
    assert "geheim" not in printed
    assert isinstance(facts.options, dict)
    assert facts.options["icc"] == ("false",)
    assert facts.settings == {"log-level": ("warn",), "tlskey": (str(tmp_path / "key.pem"),)}
    assert facts.unix == (str(tmp_path / "d.sock"),)
    assert facts.bridge_icc is False
    [key] = facts.files_of("tlskey")
    assert (key.owner, key.mode) == (os.getuid(), 0o640)
    [data] = facts.files_of("data")
    assert data.real == str((tmp_path / "data").resolve())
    assert str(tmp_path / "data") in (facts.disks or {})
    assert not isinstance(facts.audit, Exception)
    assert [watch.path for watch in facts.audit.loaded] == [data.real, data.real]


def test_settings_that_are_too_large_are_not_read(running_engine: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "daemon.json").write_text(" " * (50 << 20) + "{}")
    facts, printed = facts_in(SHELLS[0], running_engine)
    assert len(printed) < 1 << 20
    assert "more than 1 MiB" in str(facts.settings)


def test_settings_behind_a_link_are_read_and_a_pipe_is_not(running_engine: dict[str, str], tmp_path: Path) -> None:
    settings = tmp_path / "daemon.json"
    settings.rename(tmp_path / "real.json")
    settings.symlink_to(tmp_path / "real.json")
    facts, _ = facts_in(SHELLS[0], running_engine)
    [config] = facts.files_of("config")
    assert (config.path, config.real) == (str(settings), str((tmp_path / "real.json").resolve()))
    assert isinstance(facts.settings, dict)
    settings.unlink()
    os.mkfifo(settings)
    assert "no regular file" in str(facts_in(SHELLS[0], running_engine)[0].settings)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
def test_of_the_engine_s_seccomp_profile_its_default_action_alone_is_seen(
    shell: tuple[str, ...], running_engine: dict[str, str], tmp_path: Path
) -> None:
    profile, settings = tmp_path / "seccomp.json", tmp_path / "daemon.json"
    settings.write_text(json.dumps({"seccomp-profile": str(profile)}))
    assert "could not be seen" in str(facts_in(shell, running_engine)[0].seccomp_default)
    profile.write_text('{\n "defaultAction"\n: "SCMP_ACT_ALLOW",\n "names": ["geheim"]}')
    os.utime(profile, (1, 1))
    facts, printed = facts_in(shell, running_engine)
    assert (facts.seccomp_default, "geheim" in printed) == ("SCMP_ACT_ALLOW", False)
    os.utime(profile, (2**32, 2**32))
    assert "changed after" in str(facts_in(shell, running_engine)[0].seccomp_default)
    settings.write_text("{}")
    assert facts_in(shell, running_engine)[0].seccomp_default is None


def test_a_bridge_is_absent_only_where_the_engine_says_so(running_engine: dict[str, str]) -> None:
    for networks, expected in (("host\nbridged", None), ("host\nbridge", "did not show")):
        facts, _ = facts_in(SHELLS[0], {**running_engine, "BRIDGE": "", "NETWORKS": networks})
        assert facts.bridge_icc is None if expected is None else expected in str(facts.bridge_icc)


def test_networks_of_a_swarm_that_were_not_all_shown_are_unknown(
    running_engine: dict[str, str], tmp_path: Path
) -> None:
    swarm = {"LocalNodeState": "active", "ControlAvailable": True, "Nodes": 2, "Cluster": {"ID": "4f"}}
    info = {"ServerVersion": "29.1.3", "DockerRootDir": str(tmp_path / "data"), "Swarm": swarm}
    (tmp_path / "info").write_text(json.dumps(info, separators=(",", ":")))
    for lost, expected in (("0", "Network(name='web'"), ("1", "did not list")):
        cluster = parse_swarm(facts_in(SHELLS[0], {**running_engine, "LOST": lost})[1]).cluster
        assert cluster is not None
        assert expected in str(cluster.networks)


@pytest.mark.parametrize("how", ["written", "linked", pytest.param("moved", marks=pytest.mark.long)])
def test_settings_that_changed_after_the_start_are_not_what_it_runs_with(
    how: str, running_engine: dict[str, str], tmp_path: Path
) -> None:
    """An engine without /run/docker.pid: the kernel's time counts. A file may keep its own when it is put in place."""
    settings, other, later = tmp_path / "daemon.json", tmp_path / "other.json", time.time() + 60
    if how == "written":
        os.utime(settings, (later, later))
    elif how == "linked":
        settings.rename(other)
        settings.symlink_to(other)
        os.utime(settings, (later, later), follow_symlinks=False)
    else:
        time.sleep(4)
        shutil.copy2(settings, other)
        other.replace(settings)
    facts, _ = facts_in(SHELLS[0], running_engine)
    assert "changed after it started" in str(facts.settings)


def test_a_right_that_is_changed_later_leaves_the_settings_known(
    running_engine: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "daemon.json").chmod(0o600)
    assert isinstance(facts_in(SHELLS[0], running_engine)[0].settings, dict)


def test_a_socket_with_blanks_in_its_path_is_seen(tmp_path: Path, running_engine: dict[str, str]) -> None:
    path = tmp_path / "my own d.sock"
    words = (sys.executable, "-c", ENGINE, path)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        facts, _ = facts_in(SHELLS[0], {**running_engine, "DOCKER_HOST": f"unix://{path}"})
        assert facts.unix == (str(path),)
        assert [(file.path, file.owner) for file in facts.files_of("socket")] == [(str(path), os.getuid())]
        process.communicate("")


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
def test_certificates_of_registries_are_all_seen_or_unknown(
    shell: tuple[str, ...], running_engine: dict[str, str], tmp_path: Path
) -> None:
    certificates = tmp_path / "certs.d"
    folders = {"/etc/docker/certs.d": str(certificates)}
    (certificates / "my registry:5000").mkdir(parents=True)
    (certificates / "my registry:5000" / "ca.crt").write_text("")
    [file] = facts_in(shell, running_engine, folders)[0].files_of("certs.d")
    assert (file.path, file.owner) == (str(certificates / "my registry:5000" / "ca.crt"), os.getuid())
    (certificates / "two\nlines.key").write_text("")
    assert None in [file.mode for file in facts_in(shell, running_engine, folders)[0].files_of("certs.d")]


def test_more_certificates_than_can_be_shown_are_not_all_known(running_engine: dict[str, str], tmp_path: Path) -> None:
    certificates = tmp_path / "certs.d"
    certificates.mkdir()
    for number in range(1001):
        (certificates / f"{number}.crt").write_text("")
    files = facts_in(SHELLS[0], running_engine, {"/etc/docker/certs.d": str(certificates)})[0].files_of("certs.d")
    assert [file.path for file in files if file.mode is None] == [str(certificates)]


def test_rules_of_the_audit_that_the_next_boot_drops_do_not_count(
    running_engine: dict[str, str], tmp_path: Path
) -> None:
    audit, folders = tmp_path / "audit", {"/etc/audit": str(tmp_path / "audit")}
    (audit / "rules.d").mkdir(parents=True)
    (audit / "audit.rules").write_text("-w /etc/docker -p wa\n")
    (audit / "rules.d" / "50-docker.rules").write_text("  -w /etc/hostname -p wa -k docker\n# -w /etc -p wa\n")
    for merged, expected in ((False, ["/etc/docker"]), (True, ["/etc/hostname"])):
        if merged:
            program(tmp_path / "bin", "augenrules", "#!/bin/sh\n")
        facts, _ = facts_in(SHELLS[0], running_engine, folders)
        assert not isinstance(facts.audit, Exception)
        assert [watch.path for watch in facts.audit.saved] == expected


def test_certificates_of_the_engine_are_looked_for_where_it_takes_them_from_by_itself(
    running_engine: dict[str, str], tmp_path: Path
) -> None:
    """Without `tlskey` and the others dockerd takes those in ~/.docker, or where its own variables say."""
    (tmp_path / "daemon.json").write_text('{"tlsverify": true}')
    home = tmp_path / ".docker"
    home.mkdir()
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (home / name).write_text("")
    facts, _ = facts_in(SHELLS[0], running_engine)
    paths = {file.role: file.path for file in facts.files_of("tlscacert", "tlscert", "tlskey")}
    assert paths == {
        "tlscacert": str(home / "ca.pem"),
        "tlscert": str(home / "cert.pem"),
        "tlskey": str(home / "key.pem"),
    }


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
def test_a_directory_that_is_mounted_onto_itself_is_no_disk_of_its_own(
    shell: tuple[str, ...], running_engine: dict[str, str], tmp_path: Path
) -> None:
    """The engine mounts its root onto itself where the mount above is not shared (moby, setupDaemonRootPropagation)."""
    program(tmp_path / "bin", "mountpoint", "#!/bin/sh\n")
    assert (facts_in(shell, running_engine)[0].disks or {})[str(tmp_path / "data")] is False
    info = {"ServerVersion": "29.1.3", "DockerRootDir": "/proc"}
    (tmp_path / "info").write_text(json.dumps(info))
    assert (facts_in(shell, running_engine)[0].disks or {})["/proc"] is True
