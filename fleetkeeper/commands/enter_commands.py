"""The command that a person pastes here to enter a container of a node, over the node's jump hosts."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.ssh.jump_hosts import Hop, chain_hops, hop_to
from fleetkeeper.transport.ssh.known_hosts import known_hosts_beside
from fleetkeeper.transport.ssh.openssh import literal_option
from fleetkeeper.transport.ssh.ssh_config import resolve_target
from fleetkeeper.transport.ssh.ssh_target import SshRequest

MOST_HOPS = 8


class Configured(NamedTuple):
    """What the user's SSH configuration says about a host: its jump hosts, as `ssh -J` takes them, and known_hosts."""

    jumps: Sequence[str] = ()
    known_hosts: Sequence[str] = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")


def ssh_defaults(request: SshRequest) -> Configured:
    """What ssh does without a configuration: it asks nothing."""
    return Configured()


def user_configuration(request: SshRequest) -> Configured:
    """What the user's configuration says, by `ssh -G`. Raises Unobservable where it cannot be read."""
    target = resolve_target(request, None)
    return Configured(target.jumps, target.known_hosts)


@dataclass(frozen=True)
class EnterCommands:
    """Makes the commands for the nodes of an inventory. `configured` says what the user's SSH configuration adds."""

    inventory: Inventory
    configured: Callable[[SshRequest], Configured] = ssh_defaults

    def enter(self, node: Node, handle: str, user: str) -> str:
        """The command that enters a container (its name or id) as a user; empty: as the container's own.

        For another connection than SSH it is for the node itself, as it says. Raises Unobservable where the way to the
        node cannot be followed.
        """
        sudo = ["sudo"] if node.sudo else []
        as_user = ["-u", user] if user else []
        inside = shlex.join([*sudo, "docker", "exec", "-it", *as_user, handle, "sh"])
        if node.connection == "local":
            return inside
        if node.connection not in ("", "ssh"):
            return f"{inside}   # on {node.name} ({node.connection})"
        return shlex.join(["ssh", "-t", *self.ssh_words(node), inside])

    def ssh_words(self, node: Node) -> list[str]:
        """The words behind `ssh` by which a person reaches a node: options, and [USER@]HOST last.

        As the inventory says, with what the user's SSH configuration adds (`configured`); account and key of a node
        with `sudo: audit` are left out. Raises Unobservable where its jump hosts cannot be followed.
        """
        hops = list(self.hops(node))
        return [*self.options(hops), destination(hops[0].asked)]

    def hops(self, node: Node) -> Iterator[Hop]:
        """The node and the hosts on the way to it, the one nearest to us last. Raises Unobservable."""
        here: Hop | None = hop_to(person_at(node), self.inventory)
        for _ in range(MOST_HOPS):
            if here is None:
                return
            yield here
            here = here.before or chain_hops(self.configured(here.asked).jumps)
        raise Unobservable("its jump hosts are too many, or lead in a circle", node=node.name)

    def options(self, hops: Sequence[Hop]) -> list[str]:
        """The options of ssh for the first of these hops, through the others. Raises Unobservable.

        `-J` gives the hosts on the way neither a file of keys nor an identity: where they need one, each is reached by
        a ProxyCommand of its own.
        """
        host, *before = hops
        port = ["-p", str(host.asked.port)] if host.asked.port else []
        words = [*port, *identity_option(host.asked.identity), *self.key_files(host.asked)]
        if not before:
            return words
        if known_hosts_beside(self.inventory) or any(hop.asked.identity for hop in before):
            return [*words, "-o", f"ProxyCommand={self.proxy_command(before)}"]
        return [*words, "-J", ",".join(jump_spec(hop.asked) for hop in reversed(before))] if host.before else words

    def key_files(self, request: SshRequest) -> list[str]:
        """The option that adds the inventory's file of host keys to the user's own; empty when it has none."""
        if not (ours := known_hosts_beside(self.inventory)):
            return []
        files = (*self.configured(request).known_hosts, *map(literal_option, ours))
        return ["-o", f"UserKnownHostsFile={' '.join(map(quoted_file, files))}"]

    def proxy_command(self, hops: Sequence[Hop]) -> str:
        """The command, for the shell, that connects through the first of these hops. Raises Unobservable."""
        words = ["ssh", *self.options(hops), "-W"]
        # Each ssh on the way expands the tokens of its own target only.
        return shlex.join([*map(literal_option, words), "[%h]:%p", literal_option(destination(hops[0].asked))])


def person_at(node: Node) -> Node:
    """The node as a person reaches it; with `sudo: audit`, whose account only looks, without `user` and `identity`."""
    return node.model_copy(update={"user": None, "identity": None}) if node.sudo == "audit" else node


def destination(request: SshRequest) -> str:
    """`[USER@]HOST`, as ssh takes it."""
    return f"{request.user}@{request.address}" if request.user else request.address


def jump_spec(request: SshRequest) -> str:
    """`[USER@]HOST[:PORT]`, as `ssh -J` takes it.

    >>> jump_spec(SshRequest("2001:db8::1", "ops", 2222, None))
    'ops@[2001:db8::1]:2222'
    """
    host = f"[{request.address}]" if ":" in request.address else request.address
    user, port = f"{request.user}@" if request.user else "", f":{request.port}" if request.port else ""
    return f"{user}{host}{port}"


def identity_option(path: str | None) -> list[str]:
    """The option that offers the key in a file; empty for None. A path that ssh would expand or split is no `-i`.

    >>> identity_option("/k/id"), identity_option("/k/100% mine")
    (['-i', '/k/id'], ['-o', 'IdentityFile="/k/100%% mine"'])
    """
    if not path:
        return []
    return ["-o", f"IdentityFile={quoted_file(literal_option(path))}"] if set(path) & set("% ") else ["-i", path]


def quoted_file(path: str) -> str:
    """A path for an option of ssh that takes several: in double quotes, which every version reads, if it has blanks."""
    return f'"{path}"' if " " in path else path
