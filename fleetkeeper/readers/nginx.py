"""Which certificate nginx uses for which name and port, from the output of `nginx -T`.

Only the directives about TLS are kept: a configuration may hold passwords. Source:
https://nginx.org/en/docs/http/server_names.html, https://nginx.org/en/docs/http/request_processing.html and
https://nginx.org/en/docs/http/ngx_http_ssl_module.html (`ssl_certificate` is inherited from the level above).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import NamedTuple

from fleetkeeper.readers.linear_patterns import path_pattern, pattern_of
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line

ESCAPED = r"(?s:\\.)"
QUOTED = rf""""(?:{ESCAPED}|[^"\\])*"|'(?:{ESCAPED}|[^'\\])*'"""
VARIABLE = r"\$\{\w*\}"
PLAIN = rf"""(?:{ESCAPED}|{VARIABLE}|[^\s;{{}}"'#\\])(?:{ESCAPED}|{VARIABLE}|[^\s;{{}}\\])*|\\"""
TOKEN = re.compile(rf"#[^\n]*|[{{}};]|{QUOTED}|{PLAIN}")
PORT = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]+):(?P<port>[0-9]{1,5})")
INHERITED = ("ssl_certificate", "ssl_certificate_key")
DEEPEST, MOST_INCLUDED = 48, 2000
"""Limits of blocks and includes inside each other, and of included files: no real configuration reaches them."""
HANDED_ON = ("proxy_pass", "rewrite", "try_files", "fastcgi_pass")
"""Directives with which a location does not, or not only, serve files of its directory."""


class Token(NamedTuple):
    """One word, brace or semicolon, and its place (file:line)."""

    word: str
    place: str = ""


@dataclass
class Block:
    """One block of a configuration: its directives (words, place), the blocks in it, and what it inherits (`above`).

    `about_challenges`: one of the words before its brace contains "well-known".
    """

    name: str = ""
    directives: list[tuple[list[str], str]] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    above: Mapping[str, Sequence[Token]] = field(default_factory=dict)
    about_challenges: bool = False

    def values(self, name: str) -> list[list[str]]:
        """The words after each directive of this name; a directive without any is left out."""
        return [words[1:] for words, _ in self.directives if words[0] == name and len(words) > 1]

    def inherited(self) -> dict[str, Sequence[Token]]:
        """The values of the directives in INHERITED, by name: those of this block, else those of the block above."""
        own = {
            name: [
                Token(words[1], location) for words, location in self.directives if words[0] == name and len(words) > 1
            ]
            for name in INHERITED
        }
        return {name: own[name] or self.above.get(name, ()) for name in INHERITED}


def read_configuration(rc: int, printed: str) -> Nginx:
    """The sites that serve TLS, or nginx's error message, from exit status and output of `nginx -T`.

    Raises Unobservable for a configuration that cannot be read here.

    >>> read_configuration(1, "nginx: [emerg] unknown directive \\"sevrer\\" in /etc/nginx/nginx.conf:3\\n").broken
    'unknown directive "sevrer" in /etc/nginx/nginx.conf:3'
    >>> dump = "# configuration file /etc/nginx/nginx.conf:\\nhttp { server { listen 443 ssl; server_name a.b;"
    >>> found = read_configuration(0, dump + "\\n ssl_certificate c.pem; ssl_certificate_key k.pem; } }\\n").sites[0]
    >>> found.certificates, found.places
    (('/etc/nginx/c.pem',), ('/etc/nginx/nginx.conf:2',))
    """
    if rc != 0:
        return Nginx(broken=first_error(printed))
    files = configuration_files(printed)
    if not files:
        return Nginx(broken="`nginx -T` printed no configuration")
    main = next(iter(files))
    root = Block()
    prefix = PurePosixPath(main).parent
    read_block(root, tokenize(files[main], main), Files(files, prefix))
    blocks = list(server_blocks(root))
    secure = {port for server in blocks for port in tls_ports(server)}
    sites = tuple(item for server in blocks for item in tls_sites(server, secure, prefix))
    return Nginx(sites, roots=served_directories(root))


def first_error(printed: str) -> str:
    """The first error in nginx's output, else its last line. Without time and process, at most 300 characters."""
    lines = [line for line in split_lines(printed) if line.strip()]
    grave = [line for line in lines if re.search(r"\[(emerg|alert|crit)\]", line)]
    text = (grave[0] if grave else lines[-1]) if lines else "nothing was printed"
    return re.sub(r"^(nginx: )?(\S+ \S+ )?\[\w+\] (\d+#\d+: )?|^nginx: ", "", text)[:300]


def configuration_files(printed: str) -> dict[str, str]:
    """The texts of the files in the output of `nginx -T`, by path, the main file first."""
    parts = re.split(r"^# configuration file (.+):(?:\n|\Z)", printed, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


MOST_TOKENS = 200_000
"""Limit of words in one file: more would hold up the looks at all other nodes."""


def tokenize(text: str, file: str = "") -> Iterator[Token]:
    """The words, braces and semicolons of a configuration file, without comments.

    Raises Unobservable for an open quote, and for more than MOST_TOKENS words.

    >>> [one.word for one in tokenize("server_name a 'b c'; # old;\\nlocation ~ \\\\.php$ { root /x; }")]
    ['server_name', 'a', 'b c', ';', 'location', '~', '\\\\.php$', '{', 'root', '/x', ';', '}']
    """
    line, before, end = 1, 0, 0
    for number, match in enumerate(TOKEN.finditer(text)):
        if number > MOST_TOKENS:
            raise Unobservable(f"nginx' configuration has more than {MOST_TOKENS} words")
        must_be_blank(text[end : match.start()], file)
        end = match.end()
        line, before = line + text.count("\n", before, match.start()), match.start()
        word = match[0]
        if not word.startswith("#"):
            bare = re.sub(r"\\(.)", r"\1", word[1:-1]) if word[0] in "\"'" and len(word) > 1 else word
            yield Token(bare, f"{file}:{line}")
    must_be_blank(text[end:], file)


def must_be_blank(between: str, file: str) -> None:
    """Raise Unobservable for text between two words that is no word: a quote that does not end."""
    if between.strip():
        raise Unobservable(f"nginx' configuration cannot be read: a quote in {file} does not end")


@dataclass
class Files:
    """The printed files by path, the directory that includes are relative to, and how many may still be included."""

    texts: Mapping[str, str]
    prefix: PurePosixPath
    left: int = MOST_INCLUDED

    def included(self, pattern: str, depth: int) -> Iterator[tuple[str, Iterator[Token]]]:
        """Path and tokens of the files that an include matches; lowers `left`. Raises Unobservable for endless ones."""
        for path in included_paths(pattern, self.texts, self.prefix):
            self.left -= 1
            if depth > DEEPEST or self.left < 0:
                raise Unobservable("nginx' configuration is nested too deep to read, or includes itself")
            yield path, tokenize(self.texts[path], path)


def read_block(block: Block, words: Iterator[Token], files: Files, depth: int = 0) -> None:
    """Read directives into a block up to its end. Raises Unobservable. `depth` counts the blocks around it."""
    if depth > DEEPEST:
        raise Unobservable("nginx' configuration is nested too deep to read, or includes itself")
    line: list[Token] = []
    for token in words:
        if token.word == "}":
            return
        if token.word not in (";", "{"):
            line.append(token)
            continue
        lines = [item.word for item in line]
        if token.word == "{":
            inner = Block(lines[0] if lines else "", about_challenges=any("well-known" in word for word in lines))
            block.blocks.append(inner)
            read_block(inner, words, files, depth + 1)
        elif lines[:1] == ["include"] and len(lines) > 1:
            for _, inside in files.included(lines[1], depth):
                read_block(block, inside, files, depth + 1)
        elif lines:
            block.directives.append((lines, line[0].place))
        line = []


def included_paths(pattern: str, files: Mapping[str, str], prefix: PurePosixPath) -> list[str]:
    """The paths of the printed files that an include matches, sorted as by glob(3). Raises Unobservable."""
    whole = path_pattern(str(prefix / pattern))
    return sorted(path for path in files if whole.found_in(path))


def server_blocks(block: Block) -> Iterator[Block]:
    """Every `server` below a block, with `above` set: only now, as a directive may follow the block that it is for."""
    for inner in block.blocks:
        inner.above = block.inherited()
        if inner.name == "server":
            yield inner
        else:
            yield from server_blocks(inner)


def served_directories(block: Block) -> tuple[str, ...] | None:
    """The directories that files are served from (see `Nginx.roots`), sorted; None if they cannot be told."""
    matches = {words[0] for name in ("root", "alias") for words in block.values(name)}
    for inner in block.blocks:
        if inner.name == "location" and inner.about_challenges and any(map(inner.values, HANDED_ON)):
            return None
        below = served_directories(inner)
        if below is None:
            return None
        matches.update(below)
    plain = all(path.startswith("/") and "$" not in path for path in matches)
    return tuple(sorted(matches)) if plain else None


def tls_ports(server: Block) -> Iterator[int]:
    """The ports of a server's `listen` directives that enable TLS (`ssl`, `quic`), or all with `ssl on`."""
    listens = server.values("listen")
    for words in listens:
        if {"ssl", "quic"} & set(words[1:]) or server.values("ssl") == [["on"]]:
            yield port_of(words[0])


def tls_sites(server: Block, secure: Collection[int], prefix: PurePosixPath) -> Iterator[Site]:
    """The site of a server that listens on one of the ports `secure`, as the only item; nothing if it does not.

    One `ssl` counts for all servers of its port.
    """
    ports = [(port, words) for words in server.values("listen") if (port := port_of(words[0])) in secure]
    matches = server.inherited()
    if ports:
        yield Site(
            names=tuple(
                name if name.startswith("~") else name.lower()
                for words in server.values("server_name")
                for name in words
            ),
            ports=tuple(dict.fromkeys(port for port, _ in ports)),
            default=tuple(port for port, words in ports if {"default_server", "default"} & set(words)),
            certificates=resolved_paths(matches["ssl_certificate"], prefix),
            keys=resolved_paths(matches["ssl_certificate_key"], prefix),
            places=tuple(item.place for item in matches["ssl_certificate"]),
        )


def resolved_paths(paths: Sequence[Token], prefix: PurePosixPath) -> tuple[str, ...]:
    """The paths as nginx resolves them: relative ones against `prefix`, the directory of its main file."""
    return tuple(path if path.startswith("data:") else str(prefix / path) for path, _ in paths)


def port_of(listen: str) -> int:
    """The port of a `listen`; 80 where it names none, 0 for a Unix socket.

    >>> port_of("443"), port_of("[::]:8443"), port_of("192.0.2.1"), port_of("*:443"), port_of("unix:/run/n.sock")
    (443, 8443, 80, 443, 0)
    """
    if listen.startswith("unix:"):
        return 0
    match = PORT.fullmatch(listen)
    number = match["port"] if match else listen
    return int(number) if re.fullmatch(r"[0-9]{1,5}", number) else 80


def site_of(sites: Sequence[Site], name: str, port: int) -> Site | None:
    """The site that answers for a name on a port, with its files for that name; None when no site listens there.

    In nginx' order: exact name, longest wildcard, first regular expression that matches, the default, the first.
    Raises Unobservable where that depends on an expression that is not matched here.
    """
    present = [item for item in sites if port in item.ports]
    ranked = [(match_rank(pattern, name), item) for item in present for pattern in item.names]
    matched = [pair for pair in ranked if pair[0] > (0, 0)]
    if matched:
        return for_name(max(matched, key=lambda pair: pair[0])[1], name)
    for item in present:
        if any(pattern.startswith("~") and matches_server_name(pattern, name) for pattern in item.names):
            return for_name(item, name)
    default = next((item for item in present if port in item.default), present[0] if present else None)
    return default and for_name(default, name)


def for_name(site: Site, name: str) -> Site:
    """The site with the variable `$ssl_server_name` replaced by the name in its file paths."""

    def filled(paths: Sequence[str]) -> tuple[str, ...]:
        """These paths with the name in place of the variable."""
        return tuple(re.sub(r"\$(ssl_server_name\b|\{ssl_server_name\})", name, path) for path in paths)

    return replace(site, certificates=filled(site.certificates), keys=filled(site.keys))


def match_rank(pattern: str, name: str) -> tuple[int, int]:
    """How well a server_name without regular expression matches: (0, 0) is not at all; the greatest wins.

    The second number is the length of a wildcard.

    >>> [match_rank(pattern, "a.example.org") for pattern in ("a.example.org", "*.example.org", "b.org")]
    [(4, 0), (3, 13), (0, 0)]
    """
    if pattern == name or (pattern.startswith(".") and pattern[1:] == name):
        return (4, 0)
    if pattern.startswith(("*.", ".")) and name.endswith(pattern.removeprefix("*")):
        return (3, len(pattern))
    if pattern.endswith(".*") and name.startswith(pattern[:-1]):
        return (2, len(pattern))
    return (0, 0)


def matches_server_name(pattern: str, name: str) -> bool:
    """Whether a server_name matches a name; a regular expression does so without regard to case.

    Raises Unobservable for an expression that is not matched here.

    >>> [matches_server_name(pattern, "www.example.org") for pattern in ("~^(www.)?example.org$", "*.www.example.org")]
    [True, False]
    """
    if not pattern.startswith("~"):
        return match_rank(pattern, name) > (0, 0)
    try:
        return pattern_of(pattern[1:], ignore_case=True).found_in(name)
    except Unobservable as why:
        raise Unobservable(f"which name nginx answers for: `server_name {one_line(pattern[:60])}`: {why.why}") from None


@dataclass(frozen=True)
class Site:
    """One `server` of nginx that serves TLS: its names, the ports it listens on, the files it uses.

    `default` are the ports on which it is the default server. `places` are those of its `ssl_certificate` directives
    (file:line), in the order of `certificates`.
    """

    names: tuple[str, ...]
    ports: tuple[int, ...]
    default: tuple[int, ...] = ()
    certificates: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Nginx:
    """nginx's configuration as `nginx -T` prints it. `broken` is its error message when it would refuse to load it.

    `roots` are the directories that it serves files from (`root`, `alias`); None where they do not tell how challenges
    are answered: those are handed on, or a directory is named by a variable.
    """

    sites: tuple[Site, ...] = ()
    broken: str = ""
    roots: tuple[str, ...] | None = None
