"""Links over the OpenSSH client: one multiplexed connection, with all that the user's ssh can do.

For what only `ssh` itself can do: security keys, GSSAPI, smart cards. ControlMaster of ssh_config(5) shares one
connection between all commands; BatchMode keeps it from ever prompting; `--` is put before the host.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING
from weakref import WeakSet

from fleetkeeper.readers.lines import split_lines
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.link import MOST_OUTPUT
from fleetkeeper.transport.processes import ProcessChannel, ProcessStream
from fleetkeeper.transport.round_trip import START_LIMIT, Shells, ask_commands
from fleetkeeper.transport.shell_protocol import SHELL, render_stream
from fleetkeeper.transport.sockets import seconds_left
from fleetkeeper.transport.ssh.jump_hosts import Hop, hop_to, hops_to
from fleetkeeper.transport.ssh.known_hosts import known_hosts_beside
from fleetkeeper.transport.ssh.ssh_config import PLACEHOLDER, ask_ssh, config_files, resolve_target, written_keywords
from fleetkeeper.transport.ssh.ssh_target import SshRequest
from fleetkeeper.transport.writing import Stream

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node

SSH_FAILED = 255
BELIEVED = 5.0
CONTROL_LIMIT = 5.0
LEAVE = 1.0
"""Seconds that a client of the control master gets to end; when it is killed, sshd ends its command on the node."""


SAFE = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "NoHostAuthenticationForLocalhost": "no",
    "UpdateHostKeys": "no",
    "AddKeysToAgent": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "ClearAllForwardings": "yes",
    "Tunnel": "no",
    "LogLevel": "INFO",
    "ServerAliveInterval": "10",
    "ServerAliveCountMax": "3",
}
"""Options that override the user's configuration: keys are verified and never added, no other program is started."""
SAFE_SINCE_8_7 = {"ForkAfterAuthentication": "no", "StdinNull": "no"}


class Starting:
    """A client that is connecting; implements `fleetkeeper.transport.connections.Closable`."""

    def __init__(self, words: Sequence[str], text: IO[bytes]) -> None:
        """Start the client with this command line; what it prints goes to the file `text`."""
        self.child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=text, stderr=text, start_new_session=True)

    def close(self) -> None:
        """Kill the client and what it started, if it still runs."""
        if self.child.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()


class OpenSSHLink:
    """A link through a control master of our own, whose socket is in a folder that only this user can read."""

    def __init__(
        self,
        node: Node,
        inventory: Inventory,
        ssh_config: str | None,
        limit: float,
        keep: Callable[[Starting], Starting] = lambda starting: starting,
    ) -> None:
        """Connect within `limit` seconds. `keep` gets the client while it connects, so that another thread can end it.

        Raises Unobservable, with the last line of ssh or in our own words, when it cannot connect, or there is no ssh
        here.
        """
        if not shutil.which("ssh"):
            raise Unobservable("there is no OpenSSH client here", hint="install it, or leave `connection` out")
        self.sudo = node.sudo
        self.host = node.address or node.name
        self.running: WeakSet[ProcessChannel | ProcessStream] = WeakSet()
        self.shells = Shells(self.channel)
        words = ssh_command(hop_to(node, inventory), inventory, ssh_config)
        deadline = time.monotonic() + limit
        self.folder = tempfile.mkdtemp(prefix="fk-", dir="/tmp")
        master = (f"-oControlPath={self.folder}/c", "-oControlMaster=yes", "-oControlPersist=yes")
        try:
            self.connect((*words, *master, f"-oConnectTimeout={max(1, int(limit))}", "-N", "-f"), limit, keep)
        except Unobservable as why:
            self.close()
            raise in_our_words(node, inventory, ssh_config, deadline, why) from None
        except BaseException:
            self.close()
            raise

    def connect(self, words: Sequence[str], limit: float, keep: Callable[[Starting], Starting]) -> None:
        """Start the control master with this command line.

        Raises Unobservable when it has no connection within `limit` seconds. The client is ended then.
        """
        self.checked = time.monotonic()
        with tempfile.TemporaryFile() as log:
            starting = keep(Starting((*words, "--", self.host), log))
            try:
                rc = starting.child.wait(limit)
            except subprocess.TimeoutExpired:
                raise Unobservable(f"no connection within {limit:.0f} s") from None
            finally:
                starting.close()
            log.seek(0)
            lines = split_lines(log.read().decode("utf-8", "replace").strip().replace("\r\n", "\n"))
        if rc:
            raise ssh_refusal(lines)

    @property
    def alive(self) -> bool:
        """Whether the control master still runs. The result is reused for 5 seconds: each check starts a process."""
        if time.monotonic() > self.checked + BELIEVED:
            if not self.control("check"):
                return False
            self.checked = time.monotonic()
        return True

    def control(self, what: str) -> bool:
        """Send the control master this command (ssh(1), -O); whether it succeeded."""
        with suppress(OSError, subprocess.TimeoutExpired):
            words = (*self.client(), "-O", what, "--", self.host)
            return not subprocess.run(words, capture_output=True, check=False, timeout=CONTROL_LIMIT).returncode
        return False

    def client(self) -> tuple[str, ...]:
        """The command line of a client of the control master, up to the host.

        It reads no configuration, and cannot connect to anything else when the control master is gone.
        """
        return ("ssh", "-F", "none", f"-oControlPath={self.folder}/c", "-oControlMaster=no", "-oProxyCommand=false")

    def ask(self, commands: Sequence[Command], room: int = MOST_OUTPUT) -> list[Output]:
        """One Output for each command, in order, as `Link.ask`; `room` is in bytes.

        Raises Unobservable when no shell answered; later failures are lost outputs.
        """
        return ask_commands(commands, self.sudo, self.shells, room)

    def session(self, line: str) -> tuple[str, ...]:
        """The command line of a client that runs `line` in the login shell of the node."""
        return (*self.client(), "-T", "--", self.host, line)

    def channel(self, line: str) -> ProcessChannel:
        """The standard streams of a client that runs `line` in the login shell of the node.

        Raises Unobservable when it cannot be started; `close` ends it.
        """
        channel = ProcessChannel(self.session(line), LEAVE)
        self.running.add(channel)
        return channel

    def open(self, words: tuple[str, ...], sudo: bool = False) -> Stream:
        """Start a command as `WritingLink.open` does. Closing the link ends it too.

        Raises Unobservable when it was not started within 20 s, and for an account with `sudo: audit` that needs sudo
        for it.
        """
        script = render_stream(words, sudo and self.sudo)
        stream = ProcessStream(self.session(SHELL), lost=frozenset({SSH_FAILED}))
        self.running.add(stream)
        try:
            stream.begin(script.text, script.token, START_LIMIT)
        except BaseException:
            stream.close()
            raise
        return stream

    def close(self) -> None:
        """Make every shell and stream of this link end at once, and stop the control master."""
        for running in tuple(self.running):
            running.abort()
        self.control("exit")
        shutil.rmtree(self.folder, ignore_errors=True)


def ssh_command(hop: Hop, inventory: Inventory, ssh_config: str | None) -> tuple[str, ...]:
    """The command line of ssh with all of its options for a host, up to the host.

    The jump hosts of the user's configuration are written out too: the ssh that ProxyJump starts would verify their
    keys only if that configuration says so. `ssh_config` is its file (None: those that ssh reads). Raises Unobservable
    where configuration or jumps cannot be followed.
    """
    request = hop.asked
    options: dict[str, str | None] = {
        **SAFE,
        **({name: value for name, value in SAFE_SINCE_8_7.items() if name.lower() in known_to_ssh()}),
        "User": request.user,
        "Port": str(request.port) if request.port else None,
        "IdentityFile": shlex.quote(literal_option(request.identity)) if request.identity else None,
        "IdentitiesOnly": "yes" if request.identity else None,
        "UserKnownHostsFile": hosts_files(request, inventory, ssh_config),
        "KexAlgorithms": None
        if "kexalgorithms" in written_keywords(config_files(ssh_config))
        else "^curve25519-sha256",
        "ProxyCommand": jump_command(hop, inventory, ssh_config),
    }
    client = ("ssh", "-F", ssh_config) if ssh_config else ("ssh",)
    return (*client, *(f"-o{name}={value}" for name, value in options.items() if value))


def known_to_ssh() -> frozenset[str]:
    """The names, in lower case, of the options that the installed ssh has.

    Raises Unobservable when ssh does not print them.
    """
    return frozenset(line.partition(" ")[0] for line in split_lines(ask_ssh(PLACEHOLDER, (), "none")))


def literal_option(text: str) -> str:
    """The text with `%` doubled, for an option in which ssh expands tokens."""
    return text.replace("%", "%%")


def hosts_files(request: SshRequest, inventory: Inventory, ssh_config: str | None) -> str | None:
    """The value of UserKnownHostsFile: the user's own files, then the inventory's; None when the inventory has none.

    The list is complete, since the option replaces the user's. Raises Unobservable where the user's configuration
    cannot be followed.
    """
    if not known_hosts_beside(inventory):
        return None
    theirs = resolve_target(request, ssh_config).known_hosts
    return " ".join(shlex.quote(literal_option(file)) for file in (*theirs, *known_hosts_beside(inventory)))


def jump_command(hop: Hop, inventory: Inventory, ssh_config: str | None) -> str | None:
    """The ProxyCommand that connects through the hop before this one; None where there is none.

    Raises Unobservable where configuration or jumps cannot be followed.
    """
    hops = hops_to(hop, ssh_config)
    if len(hops) == 1:
        return None
    words = ssh_command(hops[1], inventory, ssh_config)
    # Each ssh on the way expands the tokens of its own target only.
    return shlex.join([*map(literal_option, words), "-W", "[%h]:%p", "--", literal_option(hops[1].asked.address)])


def ssh_refusal(lines: list[str]) -> Unobservable:
    """The error (returned, not raised) with the last line that ssh printed, or that it printed none."""
    last = lines[-1] if lines else "ssh said nothing"
    return Unobservable(last[:300], hint="`ssh -v` shows which keys it offers" if "Permission denied" in last else "")


def in_our_words(
    node: Node, inventory: Inventory, ssh_config: str | None, deadline: float, why: Unobservable
) -> Unobservable:
    """The error of our own SSH in place of `why`, ssh's own: ssh prints no fingerprint, and nothing about jump hosts.

    `why` itself when it is not about a host key or a jump host, or our own SSH has no better error. It is returned, not
    raised; our own SSH tries to connect for it, until the deadline (`time.monotonic`). `ssh_config` is the user's
    configuration file (None: those that ssh reads).
    """
    from fleetkeeper.transport.connections import Register
    from fleetkeeper.transport.ssh.routes import Routes

    if not any(sign in why.why for sign in ("Host key", "UNKNOWN port")):
        return why
    register = Register()
    try:
        Routes(inventory, register.keep, ssh_config, seconds_left(deadline)).link(node)
    except Unobservable as better:
        about_it = "Host key" not in why.why or "host key" in better.why
        return better if about_it and "connection: ssh" not in better.hint else why
    finally:
        register.close()
    return why
