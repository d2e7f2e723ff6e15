"""Which certificate nginx uses for which name and port, from what `nginx -T` prints.

Only the directives about TLS are kept: a configuration may hold passwords. Source: the documentation of nginx, "Server
names", "How nginx processes a request" and ngx_http_ssl_module (`ssl_certificate` is inherited from the level above).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from fleet.topics.certificates.facts import Nginx, Site

QUOTED = r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
PLAIN = r"""(?:\\.|\$\{\w*\}|[^\s;{}"'#\\]|(?<=\S)["'#])+|\\"""
TOKEN = re.compile(rf"#[^\n]*|[{{}};]|{QUOTED}|{PLAIN}")
PORT = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]+):(?P<port>[0-9]{1,5})")
INHERITED = ("ssl_certificate", "ssl_certificate_key")
DEEPEST = 16


@dataclass
class Block:
    """One level of a configuration: its directives, the blocks in it, and what it inherits."""

    name: str = ""
    directives: list[list[str]] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    above: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def values(self, name: str) -> list[list[str]]:
        return [words[1:] for words in self.directives if words[0] == name]

    def inherited(self) -> dict[str, Sequence[str]]:
        """What this level says about certificates; where it says nothing, the level above counts."""
        own = {name: [words[0] for words in self.values(name) if words] for name in INHERITED}
        return {name: own[name] or self.above.get(name, ()) for name in INHERITED}


def read(rc: int, printed: str) -> Nginx:
    """The sites that serve TLS, or nginx's complaint.

    >>> read(1, "nginx: [emerg] unknown directive \\"sevrer\\" in /etc/nginx/nginx.conf:3\\n").broken
    'unknown directive "sevrer" in /etc/nginx/nginx.conf:3'
    >>> dump = "# configuration file /etc/nginx/nginx.conf:\\nhttp { server { listen 443 ssl; server_name a.b;"
    >>> read(0, dump + " ssl_certificate c.pem; ssl_certificate_key k.pem; } }\\n").sites[0].certificates
    ('/etc/nginx/c.pem',)
    """
    if rc != 0:
        return Nginx(broken=complaint(printed))
    files = configuration_files(printed)
    if not files:
        return Nginx(broken="`nginx -T` printed no configuration")
    main = next(iter(files))
    root = Block()
    fill(root, tokens(files[main]), files, PurePosixPath(main).parent)
    return Nginx(tuple(sites(root, PurePosixPath(main).parent)))


def complaint(printed: str) -> str:
    """The first error that nginx names, else the last thing it says."""
    lines = [line for line in printed.splitlines() if line.strip()]
    grave = [line for line in lines if re.search(r"\[(emerg|alert|crit)\]", line)]
    said = (grave[0] if grave else lines[-1]) if lines else "nothing was printed"
    return re.sub(r"^(nginx: )?(\S+ \S+ )?\[\w+\] (\d+#\d+: )?|^nginx: ", "", said)[:300]


def configuration_files(printed: str) -> dict[str, str]:
    """The files of a dump, in order: each begins with a line of its own, the main one first."""
    parts = re.split(r"^# configuration file (.+):$", printed, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def tokens(text: str) -> Iterator[str]:
    """The words, braces and semicolons of a configuration, without comments.

    >>> list(tokens("server_name a 'b c'; # old;\\nlocation ~ \\\\.php$ { root /x; }"))
    ['server_name', 'a', 'b c', ';', 'location', '~', '\\\\.php$', '{', 'root', '/x', ';', '}']
    """
    for match in TOKEN.finditer(text):
        word = match[0]
        if word.startswith("#"):
            continue
        yield re.sub(r"\\(.)", r"\1", word[1:-1]) if word[0] in "\"'" and len(word) > 1 else word


def fill(block: Block, words: Iterator[str], files: Mapping[str, str], prefix: PurePosixPath, depth: int = 0) -> None:
    """Read directives into a block until it ends; included files are read in their place."""
    line: list[str] = []
    for word in words:
        if word == "}":
            return
        if word not in (";", "{"):
            line.append(word)
            continue
        if word == "{":
            inner = Block(line[0] if line else "", above=block.inherited())
            block.blocks.append(inner)
            fill(inner, words, files, prefix, depth)
        elif line[:1] == ["include"] and len(line) > 1 and depth < DEEPEST:
            for included in matching(line[1], files, prefix):
                fill(block, tokens(files[included]), files, prefix, depth + 1)
        elif line:
            block.directives.append(line)
        line = []


def matching(pattern: str, files: Mapping[str, str], prefix: PurePosixPath) -> list[str]:
    """The dumped files that an include means, in the order of their names, as glob(3) gives them."""
    whole = str(prefix / pattern)
    return sorted(path for path in files if fnmatchcase(path, whole) and path.count("/") == whole.count("/"))


def sites(block: Block, prefix: PurePosixPath) -> Iterator[Site]:
    """Every `server` below a block that serves TLS."""
    for inner in block.blocks:
        # A directive may stand behind the block that inherits it.
        inner.above = block.inherited()
        if inner.name == "server":
            yield from site(inner, prefix)
        else:
            yield from sites(inner, prefix)


def site(server: Block, prefix: PurePosixPath) -> Iterator[Site]:
    listens = [words for words in server.values("listen") if words]
    secure = [words for words in listens if "ssl" in words[1:] or "quic" in words[1:]]
    if not secure and server.values("ssl") == [["on"]]:
        secure = listens
    ports = [(port_of(words[0]), words) for words in secure]
    found = server.inherited()
    if ports:
        yield Site(
            names=tuple(name.lower() for words in server.values("server_name") for name in words),
            ports=tuple(dict.fromkeys(port for port, _ in ports)),
            default=tuple(port for port, words in ports if {"default_server", "default"} & set(words)),
            certificates=absolute(found["ssl_certificate"], prefix),
            keys=absolute(found["ssl_certificate_key"], prefix),
        )


def absolute(paths: Sequence[str], prefix: PurePosixPath) -> tuple[str, ...]:
    """Paths as nginx resolves them: relative ones against the directory of its main file."""
    return tuple(path if path.startswith("data:") else str(prefix / path) for path in paths)


def port_of(listen: str) -> int:
    """The port of a `listen`; 80 where it names none.

    >>> port_of("443"), port_of("[::]:8443"), port_of("192.0.2.1"), port_of("*:443"), port_of("unix:/run/n.sock")
    (443, 8443, 80, 443, 0)
    """
    if listen.startswith("unix:"):
        return 0
    match = PORT.fullmatch(listen)
    number = match["port"] if match else listen
    return int(number) if number.isascii() and number.isdigit() else 80


def site_of(sites: Sequence[Site], name: str, port: int) -> Site | None:
    """The site that answers for a name on a port: exact name, longest wildcard, regular expression, default, first."""
    there = [one for one in sites if port in one.ports]
    ranked = [(rank(pattern, name), one) for one in there for pattern in one.names]
    matched = [pair for pair in ranked if pair[0] > (0, 0)]
    if matched:
        return max(matched, key=lambda pair: pair[0])[1]
    return next((one for one in there if port in one.default), there[0] if there else None)


def rank(pattern: str, name: str) -> tuple[int, int]:
    """How well a server_name fits: (0, 0) not at all; higher wins, longer wins among wildcards of one kind.

    >>> rank("a.example.org", "a.example.org"), rank("*.example.org", "a.example.org"), rank("b.org", "a.org")
    ((4, 0), (3, 13), (0, 0))
    """
    if pattern == name or (pattern.startswith(".") and pattern[1:] == name):
        return (4, 0)
    if pattern.startswith(("*.", ".")) and name.endswith(pattern.removeprefix("*")):
        return (3, len(pattern))
    if pattern.endswith(".*") and name.startswith(pattern[:-1]):
        return (2, len(pattern))
    if pattern.startswith("~"):
        try:
            return (1, 0) if re.search(pattern[1:], name) else (0, 0)
        except re.error:
            return (0, 0)
    return (0, 0)
