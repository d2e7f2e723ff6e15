"""The route and settings for one host as data: parsed from the output of `ssh -G`, with tokens and `~` expanded.

Settings that our own SSH cannot follow are not dropped: they are in `SshTarget.beyond`, and such a host is not
connected to. docs/ssh.md lists every keyword of ssh_config(5) and what becomes of it; a test keeps the list complete.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fleetkeeper.readers.lines import split_lines
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.ssh.algorithms import Algorithms, allowed_algorithms
from fleetkeeper.transport.ssh.host_certificates import rsa_bits
from fleetkeeper.transport.ssh.host_lookup import SIGNATURES

FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
REFUSED = {
    "knownhostscommand": "KnownHostsCommand",
    "bindinterface": "BindInterface",
    "proxyusefdpass": "ProxyUseFdpass",
}
"""Keywords that decide about trust or the route, and that only the OpenSSH client can follow."""
UNTRIED = {
    "gssapiauthentication": "GSSAPIAuthentication",
    "hostbasedauthentication": "HostbasedAuthentication",
    "pkcs11provider": "PKCS11Provider",
}
"""Authentication methods that we do not implement: mentioned when a server accepts none of our keys."""
USE_SSH = "set `connection: ssh` for this node: only the OpenSSH client can do that"
LEAST_RSA = 1024


@dataclass(frozen=True)
class SshRequest:
    """The inventory's settings for a host: its address, or an alias of the user's configuration.

    The other settings override those of the configuration; None leaves them.
    """

    address: str
    user: str | None = None
    port: int | None = None
    identity: str | None = None


@dataclass(frozen=True)
class SshTarget:
    """How to reach one host. Paths are expanded; `agent` is a socket or "" for none; `jumps` as ssh -J takes them.

    `family` and `bind` (a local address) limit the socket; with `check_ip` the address's own host key is checked too;
    `beside`: certificates beside the keys (`KEY-cert.pub`) are offered, as no CertificateFile is named.
    `least_rsa` is in bits; `untried` are authentication methods that only the OpenSSH client has.
    `beyond` is why our own SSH cannot connect to this host at all, or None.
    """

    address: str
    host: str
    port: int
    user: str
    identities: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    beside: bool = True
    agent: str = ""
    only_identities: bool = False
    keys_allowed: bool = True
    jumps: tuple[str, ...] = ()
    proxy_command: str = ""
    family: int = socket.AF_UNSPEC
    bind: str = ""
    known_hosts: tuple[str, ...] = ()
    revoked: str = ""
    alias: str = ""
    check_ip: bool = False
    least_rsa: int = LEAST_RSA
    authorities: frozenset[str] = SIGNATURES
    algorithms: Algorithms = field(default_factory=Algorithms)
    explicit_identity: bool = False
    untried: tuple[str, ...] = ()
    beyond: Unobservable | None = None

    def accepts(self, kind: str, key: bytes) -> bool:
        """Whether a user key in wire format may be offered: one of PubkeyAcceptedAlgorithms, and no shorter RSA key."""
        return self.algorithms.accepts(kind) and not 0 < rsa_bits(key) < self.least_rsa


def parse(output: str, address: str, written: Collection[str] = ()) -> SshTarget:
    """The target in the output of `ssh -G`: a lower-case keyword and its value per line.

    `written` are the keywords (lower case) in the user's files: the order of their lists is the user's choice. Raises
    Unobservable for a token that only ssh can expand; what else our own SSH cannot follow is put into `beyond`. Raises
    ValueError for a port that is no number.

    >>> way = parse("host db\\nuser ops\\nhostname 192.0.2.7\\nport 22\\nidentityfile /k/%h\\nproxyjump a,b@c\\n", "db")
    >>> way.host, way.port, way.user, way.identities, way.jumps
    ('192.0.2.7', 22, 'ops', ('/k/192.0.2.7',), ('a', 'b@c'))
    """
    lines: dict[str, list[str]] = {}
    for line in split_lines(output):
        keyword, _, value = line.partition(" ")
        lines.setdefault(keyword, []).append(value)
    item = {keyword: values[0] for keyword, values in lines.items() if values[0].lower() != "none"}
    target = SshTarget(
        address=address,
        host=item.get("hostname", address),
        port=int(item.get("port", "22")),
        user=item.get("user", ""),
        only_identities=is_on(item, "identitiesonly"),
        keys_allowed=item.get("pubkeyauthentication", "yes") not in ("no", "false"),
        jumps=tuple(item["proxyjump"].split(",")) if "proxyjump" in item else (),
        family=FAMILIES.get(item.get("addressfamily", "any"), socket.AF_UNSPEC),
        bind=item.get("bindaddress", ""),
        alias=item.get("hostkeyalias", ""),
        check_ip=is_on(item, "checkhostip"),
        least_rsa=int(item.get("requiredrsasize", str(LEAST_RSA))),
        authorities=frozenset(item["casignaturealgorithms"].split(","))
        if "casignaturealgorithms" in item
        else SIGNATURES,
        untried=tuple(untried_methods(item)),
    )
    return with_limits(with_paths(target, lines, item), item, written)


def is_on(lines: Mapping[str, str], keyword: str) -> bool:
    """Whether the value of a keyword (in lower case) is yes or true."""
    return lines.get(keyword) in ("yes", "true")


def untried_methods(lines: Mapping[str, str]) -> Iterator[str]:
    """The configured authentication methods that we do not implement.

    Debian turns GSSAPI on everywhere: it is listed only when there is a ticket.
    """
    ticket = os.environ.get("KRB5CCNAME") or os.path.exists(f"/tmp/krb5cc_{os.getuid()}")  # noqa: S108 - as krb5 does
    for keyword, name in UNTRIED.items():
        if lines.get(keyword, "no") not in ("no", "false") and (ticket or not keyword.startswith("gssapi")):
            yield name


def with_paths(target: SshTarget, lines: Mapping[str, list[str]], item: Mapping[str, str]) -> SshTarget:
    """The target with its settings that contain paths and tokens: identities, agent, files of known hosts.

    `lines` are all values by keyword (lower case), `item` the first of each.

    Raises Unobservable for a token that only ssh can expand.
    """
    files = [*split_paths(item.get("userknownhostsfile", "")), *split_paths(item.get("globalknownhostsfile", ""))]
    return replace(
        target,
        agent=agent_socket(lines.get("identityagent", ["SSH_AUTH_SOCK"])[0], target),
        identities=tuple(expand_paths(lines.get("identityfile", []), target)),
        certificates=tuple(expand_paths(lines.get("certificatefile", []), target)),
        beside="certificatefile" not in lines,
        known_hosts=tuple(expand_paths(files, target)),
        revoked=next(expand_paths([item.get("revokedhostkeys", "")], target), ""),
        jumps=tuple(expand_jump(jump, target) for jump in target.jumps),
        proxy_command=expand_tokens(item["proxycommand"], target) if "proxycommand" in item else "",
    )


def with_limits(target: SshTarget, item: Mapping[str, str], written: Collection[str]) -> SshTarget:
    """The target with the allowed algorithms; its `beyond` is set where our own SSH cannot follow the configuration.

    `item` are values by keyword (lower case), `written` the keywords in the user's files. Nothing is raised.
    """
    try:
        target = replace(target, algorithms=allowed_algorithms(item, written))
    except Unobservable as why:
        return replace(target, beyond=why)
    for keyword, name in REFUSED.items():
        if item.get(keyword, "no") not in ("no", "false"):
            beyond = Unobservable(f"the SSH configuration of {target.address} has {name}", hint=USE_SSH)
            return replace(target, beyond=beyond)
    return target


def split_paths(listed: str) -> list[str]:
    """The paths in a list of files as `ssh -G` prints it, without quotes: words that only together name a file are one.

    >>> split_paths("/no/such/a /no/such/b")
    ['/no/such/a', '/no/such/b']
    """
    words, matches = listed.split(), []
    while words:
        starts = [" ".join(words[:size]) for size in range(len(words), 1, -1)]
        matches.append(next((path for path in starts if os.path.exists(os.path.expanduser(path))), words[0]))
        del words[: matches[-1].count(" ") + 1]
    return matches


def agent_socket(text: str, target: SshTarget) -> str:
    """The path of the agent's socket, or "", from IdentityAgent of ssh_config(5).

    That is a path, `none`, SSH_AUTH_SOCK, or `$` and the name of a variable. Raises Unobservable as `expand_tokens`. A
    variable that is not set gives "".
    """
    if text.lower() == "none":
        return ""
    if text == "SSH_AUTH_SOCK":
        return os.environ.get("SSH_AUTH_SOCK", "")
    if text.startswith("$") and not text.startswith("${"):
        return os.environ.get(text[1:], "")
    return os.path.expanduser(expand_tokens(text, target))


def expand_paths(written: Sequence[str], target: SshTarget) -> Iterator[str]:
    """The paths with tokens and `~` expanded, without empty ones and `none`. Raises Unobservable as `expand_tokens`."""
    for path in written:
        if path and path.lower() != "none":
            yield os.path.expanduser(expand_tokens(path, target))


def expand_tokens(text: str, target: SshTarget) -> str:
    """The text with the tokens of ssh_config(5), TOKENS, and `${NAME}` replaced.

    Raises Unobservable for a token that only ssh itself can expand. Raises it for a variable that is not set as
    `with_variables` does.
    """
    if "%" not in text and "$" not in text:
        return text
    values = token_values(target)

    def value(match: re.Match[str]) -> str:
        """The value of the matched token. Raises Unobservable for one that only ssh can expand."""
        if match[1] not in values:
            raise Unobservable(
                f"%{match[1]} in the SSH configuration of {target.address} ({text})",
                hint=USE_SSH,
            )
        return values[match[1]]

    return re.sub("%(.)", value, with_variables(text))


JUMP_TOKENS = frozenset("%hknpr")


def expand_jump(text: str, target: SshTarget) -> str:
    """A jump host with its tokens replaced. Those are fewer than for a path, and variables are not replaced.

    Raises Unobservable for another token, which ssh refuses.
    """
    values = token_values(target)
    wrong = [letter for letter in re.findall("%(.?)", text) if letter not in JUMP_TOKENS]
    if wrong:
        raise Unobservable(f"%{wrong[0]} in ProxyJump of {target.address} ({text})", hint="ssh refuses it too")
    return re.sub("%(.)", lambda match: values[match[1]], text)


def token_values(target: SshTarget) -> Mapping[str, str]:
    """The values of the tokens of ssh_config(5) by their letter."""
    name = socket.gethostname()
    return {
        "%": "%",
        "d": os.path.expanduser("~"),
        "h": target.host,
        "i": str(os.getuid()),
        "k": target.alias or target.address,
        "L": name.partition(".")[0],
        "l": name,
        "n": target.address,
        "p": str(target.port),
        "r": target.user,
        "u": getpass.getuser(),
    }


def with_variables(text: str) -> str:
    """The text with each `${NAME}` replaced by that environment variable, or by nothing."""
    return re.sub(r"\$\{(\w+)\}", lambda match: os.environ.get(match[1], ""), text)
