"""Containers: what the engine and /proc say becomes facts, and users are judged by process."""

import json
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from fleetkeeper.readers.docker.inspection import inspection_json
from fleetkeeper.topics.containers import account_files
from fleetkeeper.transport.commands import Output, Unobservable
from fleetkeeper.transport.script_files import load_script


def test_the_scripts_are_understood_by_a_real_shell(tmp_path):
    """The account script against a process of our own, whose root is this machine's."""
    import os

    words = (
        "sh",
        "-c",
        load_script("fleetkeeper/topics/containers/scripts/read_accounts.sh"),
        "sh",
        str(os.getpid()),
        "999999999",
    )
    ran = subprocess.run(words, capture_output=True, check=True)
    accounts = account_files.parse_accounts(Output(0, ran.stdout))
    assert accounts[os.getpid()] == {"root": 0, **accounts[os.getpid()]}  # type: ignore[dict-item]
    assert isinstance(accounts[999999999], Unobservable)


def test_each_container_s_accounts_are_its_own_whatever_its_passwd_looks_like(tmp_path):
    """The script in a tree of its own: a plain file, none, a link out of the container, and one of 300 kB."""
    contents = {1: "root:x:0:0:\n=2:x:5:5:\npostgres:x:999:9:", 4: "web:x:7:7:\n", 5: "x:x:1:1:\n" * 30_000}
    for pid in range(1, 6):
        (tmp_path / f"{pid}/root/etc").mkdir(parents=True)
        if pid in contents:
            (tmp_path / f"{pid}/root/etc/passwd").write_text(contents[pid])
    (tmp_path / "3/root/etc/passwd").symlink_to("/etc/passwd")
    script = (
        load_script("fleetkeeper/topics/containers/scripts/read_accounts.sh")
        .replace("/proc/", f"{tmp_path}/")
        .replace("path[3]", f"path[{len(tmp_path.parts) + 1}]")
    )
    ran = subprocess.run(("sh", "-c", script, "sh", "1", "2", "3", "4", "5", "6"), capture_output=True, check=True)
    accounts = account_files.parse_accounts(Output(0, ran.stdout))
    assert accounts[1] == {"root": 0, "=2": 5, "postgres": 999}
    assert (accounts[2], accounts[4]) == ({}, {"web": 7})
    assert isinstance(accounts[3], Unobservable)
    assert 5 not in accounts
    assert "ended" in str(accounts[6])


@pytest.mark.parametrize(("rootless", "status", "asked"), [(0, 69, ""), (1, 0, "unix://"), (2, 68, "")])
def test_case_61_a_rootless_engine_is_asked_at_its_user_s_socket_and_several_are_too_many(
    tmp_path, rootless, status, asked
):
    """The start of the scripts in a tree of its own, with a client that says where it would ask."""
    import socket

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").write_text("#!/bin/sh\necho $DOCKER_HOST\n")
    (tmp_path / "bin/docker").chmod(0o755)
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/comm").write_text("containerd-shim\n" if rootless else "init\n")
    for user in range(rootless):
        (tmp_path / f"run/user/{user}").mkdir(parents=True)
        with socket.socket(socket.AF_UNIX) as present:
            present.bind(str(tmp_path / f"run/user/{user}/docker.sock"))
    script = (
        load_script("fleetkeeper/readers/docker/scripts/find_docker.sh")
        .replace("/run/", f"{tmp_path}/run/")
        .replace("/proc/", f"{tmp_path}/proc/")
    )
    path = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    ran = subprocess.run(("sh", "-c", script + "docker"), capture_output=True, text=True, check=False, env=path)
    assert ran.returncode == status
    assert ran.stdout.strip().startswith(asked)


CONTEXTS = {
    "ssh://ops@other": "ssh://ops@other",
    "tcp://192.0.2.7:2376": "tcp://192.0.2.7:2376",
    "unix:///run/user/1000/docker.sock": "unix:///run/user/1000/docker.sock",
    "tcp://localhost:2375": "tcp://localhost:2375",
}


@pytest.mark.parametrize("shell", ["dash", "busybox sh"])
@pytest.mark.parametrize("endpoint", CONTEXTS)
@pytest.mark.parametrize("chosen", ["stored", "DOCKER_CONTEXT", "DOCKER_HOST"])
def test_a_client_that_asks_another_engine_ends_the_look_and_is_told_by_init_too(tmp_path, shell, endpoint, chosen):
    """The settings are those that `docker context create` and `docker context use` of Docker 28 write."""
    home = tmp_path / "home/.docker"
    meta = home / "contexts/meta" / sha256(b"far").hexdigest()
    meta.mkdir(parents=True)
    endpoints = {"Endpoints": {"docker": {"Host": endpoint, "SkipTLSVerify": False}}}
    (meta / "meta.json").write_text(json.dumps({"Name": "far", "Metadata": {}} | endpoints, separators=(",", ":")))
    current = "far" if chosen == "stored" else "default"
    (home / "config.json").write_text(json.dumps({"auths": {}, "currentContext": current}, indent="\t"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").write_text("#!/bin/sh\necho asked\n")
    (tmp_path / "bin/docker").chmod(0o755)
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/comm").write_text("dockerd\n")
    extra = {"stored": {}, "DOCKER_CONTEXT": {"DOCKER_CONTEXT": "far"}, "DOCKER_HOST": {"DOCKER_HOST": endpoint}}[
        chosen
    ]
    words = [shutil.which(shell.split()[0]) or pytest.skip(f"no {shell}"), *shell.split()[1:], "-c"]
    environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "HOME": str(tmp_path / "home"), **extra}
    look, init = (
        subprocess.run(
            [*words, load_script(f"fleetkeeper/{path}").replace("/proc/", f"{tmp_path}/proc/") + after],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        for path, after in (
            ("readers/docker/scripts/find_docker.sh", "docker"),
            ("commands/init/scripts/find_engines.sh", ""),
        )
    )
    foreign = "" if chosen == "DOCKER_HOST" and endpoint.startswith("unix:") else CONTEXTS[endpoint]
    assert (look.returncode, look.stdout) == ((66, "") if foreign else (0, "asked\n"))
    assert foreign in look.stderr
    assert ([f"context {foreign}"] if foreign else []) == [x for x in init.stdout.split("\n") if x[:7] == "context"]
    if foreign:
        with pytest.raises(Unobservable, match="asks another engine") as refusal:
            inspection_json(Output(look.returncode, b"", look.stderr.encode()))
        assert "docker context use default" in refusal.value.hint


@pytest.mark.parametrize("shell", ["dash", "busybox sh"])
@pytest.mark.parametrize(
    ("engine", "unit", "status"),
    [
        (("dockerd", True), "enabled", 67),
        (("dockerd", True), "", 67),
        (("dockerd", True), "disabled", 69),
        (("dockerd", True), "masked", 69),
        (("dockerd", False), "enabled", 69),
        (("docker", True), "enabled", 69),
    ],
)
def test_an_engine_that_should_run_and_does_not_is_not_taken_for_none(tmp_path, shell, engine, unit, status):
    installed, used = engine
    (tmp_path / "bin").mkdir()
    for name, text in ((installed, "exit 1"), ("systemctl", f"echo {unit}")):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "bin/grep").symlink_to(str(shutil.which("grep")))
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/comm").write_text("init\n")
    if used:
        (tmp_path / "var/lib/docker").mkdir(parents=True)
    script = load_script("fleetkeeper/readers/docker/scripts/find_docker.sh")
    for place in ("/run/", "/proc/", "/var/lib/"):
        script = script.replace(place, f"{tmp_path}{place}")
    words = [shutil.which(shell.split()[0]) or pytest.skip(f"no {shell}"), *shell.split()[1:]]
    script = script.replace("PATH=$PATH:/usr/local/bin:/snap/bin\n", "")
    ran = subprocess.run([*words, "-c", script], capture_output=True, check=False, env={"PATH": f"{tmp_path}/bin"})
    assert (ran.returncode, b"does not run" in ran.stderr) == (status, status == 67)


@pytest.mark.parametrize("end", ["", ","])
def test_case_71_no_value_of_an_environment_leaves_the_node(tmp_path: Path, end: str) -> None:
    """The engine's client prints one variable a line, whatever is in it; all else stays as it is."""
    values = ["PASSWORD=hunter2", "EMPTY=", 'QUOTED=a"b=\\c', "TWO=x\nhunter2", "NAME", "odd name=hunter2", "É=hunter2"]
    text = [{"Id": "4f", "Config": {"Env": values, "Cmd": ["--x=1"], "Labels": {"a": "b=c"}}, "Env": None, "Env2": []}]
    (tmp_path / "printed").write_text(json.dumps(text, indent=4, ensure_ascii=False) + end)
    script = (
        load_script("fleetkeeper/readers/docker/scripts/inspect_without_values.sh")
        + f'inspected sh -c "cat {tmp_path}/printed; exit 3"'
    )
    for shell in (("dash",), ("bash",), ("busybox", "sh")):
        if shutil.which(shell[0]):
            done = subprocess.run([*shell, "-c", script], capture_output=True, text=True, check=False)
            cut = json.loads(done.stdout.removesuffix("\n").removesuffix(end))
            assert done.returncode == 3
            assert cut[0]["Config"].pop("Env") == [value.partition("=")[0] + "=" * ("=" in value) for value in values]
            assert cut[0]["Config"] == {"Cmd": ["--x=1"], "Labels": {"a": "b=c"}}
