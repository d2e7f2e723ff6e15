"""A team's own tests see the same over our connections as over testinfra's own ssh backend, module by module."""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import testinfra
import testinfra.backend
from testinfra.host import Host

from fleetkeeper import testinfra_backend
from fleetkeeper.transport.pool import Links
from tests.helpers.ssh_links import make_inventory
from tests.helpers.sshd import Sshd, run_sshd

Look = Callable[[Host], Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with run_sshd(tmp_path_factory.mktemp("sshd"), options=["MaxSessions 50"]) as running:
        yield running


@pytest.fixture(scope="module")
def hosts(server: Sshd) -> Iterator[tuple[Host, Host]]:
    """The same account on the same machine: over our backend, and over testinfra's (which shares one connection)."""
    testinfra.backend.BACKENDS["fleet"] = "fleetkeeper.testinfra_backend.FleetBackend"
    config = server.folder / "multiplexed"
    config.write_text(f"{server.config.read_text()}IdentityFile {server.identity}\nControlPath {server.folder}/%C\n")
    ours = make_inventory(server.node("node"))
    with Links(ours, ssh_config=str(server.config)) as links:
        testinfra_backend.use(ours, links)
        theirs = f"ssh://{server.user}@{server.address}:{server.port}?ssh_config={config}&controlpersist=5"
        yield testinfra.get_host("fleet://node"), testinfra.get_host(theirs)
        testinfra_backend.forget()


def said(host: Host, command: str, *args: str) -> tuple[int, bytes, bytes]:
    done = host.run(command, *args)
    return done.rc, done.stdout_bytes, done.stderr_bytes


LOOKS: dict[str, Look] = {
    "run": lambda h: said(h, "echo out; echo err >&2; exit 3"),
    "run in the login shell": lambda h: h.run("[[ a == a ]] && echo {1,2}").stdout,
    "run with arguments": lambda h: said(h, "printf '%%s|' %s %s", "a b;$(c) 'd'\n\"e\"", ""),
    "run with a percent sign": lambda h: said(h, "date +%Y; printf %s x"),
    "run what is not there": lambda h: h.run("no-such-command").rc,
    "run what a signal ends": lambda h: h.run("sh -c 'kill -9 $$'; exit $?").rc,
    "run a syntax error": lambda h: h.run("if").rc == 0,
    "run without any input": lambda h: said(h, "wc -l </dev/null; tty"),
    "any bytes": lambda h: said(h, "printf '\\0\\377\\r\\n'"),
    "UTF-8": lambda h: (h.run("printf Montréal").stdout, said(h, "printf %s", "Montréal ☃")),
    "many lines": lambda h: said(h, "seq 20000"),
    "run_expect": lambda h: h.run_expect([0, 3], "exit 3").rc,
    "run_test": lambda h: (h.run_test("test -e %s", "/etc/passwd").rc, h.run_test("test -e /none").rc),
    "run_test refuses other statuses": lambda h: raised(lambda: h.run_test("exit 2")),
    "check_output": lambda h: h.check_output("echo %s", "  a  "),
    "check_output refuses failures": lambda h: raised(lambda: h.check_output("exit 2")),
    "exists, find_command": lambda h: (h.exists("sh"), h.exists("nope"), h.find_command("ls").rpartition("/")[2]),
    "file": lambda h: of(h.file("/etc/passwd"), "exists is_file is_directory is_symlink user uid group gid mode size"),
    "file content": lambda h: (h.file("/etc/passwd").content, h.file("/etc/passwd").content_string),
    "file sums": lambda h: of(h.file("/etc/passwd"), "md5sum sha256sum mtime"),
    "file contains": lambda h: (h.file("/etc/passwd").contains("^root:"), h.file("/etc/passwd").contains("no{9}")),
    "directory": lambda h: (h.file("/etc").is_directory, sorted(h.file("/etc/ssh").listdir())),
    "link": lambda h: (h.file("/proc/self/root").is_symlink, h.file("/proc/self/root").linked_to),
    "file that is not there": lambda h: (h.file("/none").exists, raised(lambda: h.file("/none").mode)),
    "package": lambda h: (h.package("openssh-client").is_installed, h.package("no-such").is_installed),
    "user": lambda h: of(h.user("root"), "exists name uid gid group gids groups home shell"),
    "user who is asked": lambda h: h.user().name,
    "user that is not there": lambda h: h.user("nobody-here").exists,
    "group": lambda h: (*of(h.group("root"), "exists gid members"), h.group("none-such").exists),
    "service": lambda h: (h.service("no-such").is_running, raised(lambda: h.service("no-such").is_enabled)),
    "socket": lambda h: [h.socket(item).is_listening for item in ("tcp://127.0.0.1:1", "unix:///none", "udp://1")],
    "sysctl": lambda h: (h.sysctl("kernel.ostype"), h.sysctl("kernel.pid_max")),
    "mount_point": lambda h: of(h.mount_point("/proc"), "exists filesystem device"),
    "interface": lambda h: (h.interface("lo").exists, h.interface("none9").exists, h.interface("lo").addresses),
    "addr": lambda h: (h.addr("localhost").is_resolvable, h.addr("none.invalid").is_resolvable),
    "environment": lambda h: {name: h.environment().get(name) for name in ("HOME", "USER", "SHELL", "LOGNAME")},
    "process": lambda h: [element.pid for element in h.process.filter(comm="sshd", user="root")][:1],
    "system_info": lambda h: of(h.system_info, "type distribution release arch"),
    "pip": lambda h: raised(lambda: h.pip.get_packages(pip_path="/no/pip")),
    "docker": lambda h: raised(lambda: h.docker("no-such-container").is_running),
}
NEEDS = {
    "interface": "ip",
    "docker": "docker",
    "package": "dpkg-query",
    "socket": "ss",
    "run in the login shell": "bash",
}


def of(thing: Any, names: str) -> list[Any]:
    return [getattr(thing, name) for name in names.split()]


def raised(look: Callable[[], object]) -> object:
    """What a look gives, or the kind of exception that it ends with."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - which one is what is compared
        return type(error)


@pytest.mark.parametrize("name", LOOKS)
def test_a_module_of_testinfra_sees_the_same_over_our_connections(hosts, name):
    if not shutil.which(NEEDS.get(name, "sh")):
        pytest.skip(f"no {NEEDS[name]} here")
    ours, theirs = hosts
    assert LOOKS[name](ours) == LOOKS[name](theirs)


@pytest.mark.skipif(not shutil.which("sudo"), reason="no sudo here")
@pytest.mark.skipif(getpass.getuser() != "root", reason="sudo may ask")
@pytest.mark.parametrize("user", [None, "nobody"])
def test_sudo_gives_the_same_account_over_our_connections(hosts, user):
    seen = []
    for host in hosts:
        with host.sudo(user):
            seen.append((host.user().name, host.check_output("id -u; echo %s", "a 'b'"), host.file("/root").listdir))
        seen.append(host.user().name)
    assert seen[0][:2] == seen[2][:2]
    assert seen[1] == seen[3] == getpass.getuser()


def test_255_is_a_status_like_any_other_only_over_our_connections(hosts):
    ours, theirs = hosts
    assert ours.run("exit 255").rc == 255
    with pytest.raises(RuntimeError):
        theirs.run("exit 255")


def test_a_hundred_commands_are_one_connection(hosts, server):
    before = server.log.count("Accepted publickey")
    assert [hosts[0].run("echo %s", str(number)).rc for number in range(100)] == [0] * 100
    assert server.log.count("Accepted publickey") == before
