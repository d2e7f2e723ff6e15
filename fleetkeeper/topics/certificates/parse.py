"""What was found in a container: certificates, lineages, certbot, and what runs it there."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from fleetkeeper.readers import nginx
from fleetkeeper.readers.cron.crontab_files import VALID_NAME
from fleetkeeper.readers.cron.due_times import times_of_directory, times_of_line
from fleetkeeper.readers.nginx import Nginx
from fleetkeeper.readers.numbers import number_in, whole_number
from fleetkeeper.readers.tls_handshakes import pem_certificates
from fleetkeeper.topics.certificates.certbot_options import ini_words
from fleetkeeper.topics.certificates.facts import CertificateFile, ContainerFiles, Key, Lineage, Reloading, Renewal
from fleetkeeper.topics.certificates.reload_commands import HookFile, Surroundings, file_effect, merge, reloading_of
from fleetkeeper.topics.certificates.renewal_commands import loop_renewals, renewals_in
from fleetkeeper.transport.commands import Unobservable

CRONS = frozenset({"cron", "crond", "supercronic", "fcron", "busybox-crond", "dcron"})
PARTS = ("cert", "privkey", "chain", "fullchain")
CONFIGURED_HOOKS = ("renew_hook", "post_hook", "deploy_hook")
TIMES = re.compile(r"[0-9A-Za-z*,/-]+")
OPTIONS_OR_VERBS = ("renew", "certonly")
T = TypeVar("T")


@dataclass
class Section:
    """One line of the script's output (`key` and `rest`) with the lines that belong to it.

    `lines` are those marked `|`, without the mark; `trouble` is the one marked `!`, empty without one.
    """

    key: str
    rest: str
    lines: list[str] = field(default_factory=list)
    trouble: str = ""

    @property
    def text(self) -> str:
        """The lines below it as one text."""
        return "\n".join(self.lines) + "\n"


def parse_sections(text: str) -> list[Section]:
    """The output of the script in sections. Raises Unobservable when it is cut short.

    `|` begins a line of one, `!` what was wrong with it.

    >>> parse_sections("file /a.pem\\n|x\\n!cannot be read\\nend\\n")
    [Section(key='file', rest='/a.pem', lines=['x'], trouble='cannot be read')]
    """
    rows = text.split("\n")
    if rows[-2:] != ["end", ""]:
        raise Unobservable("the look into the container was cut short")
    sections: list[Section] = []
    for row in rows[:-2]:
        if row.startswith("|") and sections:
            sections[-1].lines.append(row[1:])
        elif row.startswith("!") and sections:
            sections[-1].trouble = row[1:]
        elif row:
            key, _, rest = row.partition(" ")
            sections.append(Section(key, rest))
    return sections


def parse(text: str, container: str, service: str) -> ContainerFiles:
    """The files about certificates in one container, from the output of `look_inside`.

    `container` is its id, `service` the inventory's key of its service. Raises Unobservable when the output makes no
    sense.
    """
    try:
        return put_together(parse_sections(text), container, service)
    except (ValueError, LookupError) as odd:
        raise Unobservable(f"what the container printed makes no sense: {odd}") from None


def put_together(parts: list[Section], container: str, service: str) -> ContainerFiles:
    """The files of a container from the sections. Raises ValueError or LookupError when they make no sense.

    Raises Unobservable when nginx' configuration cannot be read here.
    """
    names = {part.rest for part in parts if part.key == "process"}
    return ContainerFiles(
        container=container,
        service=service,
        nginx=web_server(parts),
        files=unique_values(
            CertificateFile(p.rest, pem_certificates(p.text), p.trouble) for p in parts if p.key in ("file", "live")
        ),
        keys=unique_values(parse_key(p) for p in parts if p.key == "key"),
        lineages=tuple(parse_lineages(parts)),
        certbot=next((p.rest for p in parts if p.key == "certbot"), ""),
        busy="certbot" in names,
        renewals=tuple(parse_renewals(parts, bool(names & CRONS))),
        letsencrypt=any(p.key == "letsencrypt" for p in parts),
        plugins=parse_plugins(parts),
        reloading=directory_hooks(parts, parse_surroundings(parts)),
        elsewhere=directory_hooks(parts, parse_surroundings(parts).elsewhere),
    )


def parse_plugins(parts: list[Section]) -> tuple[str, ...] | None:
    """The names of certbot's plugins; None where its own were not among them, so that the list is not whole."""
    names = tuple(sorted({part.rest.strip() for part in parts if part.key == "plugin"}))
    return names if "webroot" in names else None


def directory_hooks(parts: list[Section], around: Surroundings) -> Reloading:
    """What the hooks in renewal-hooks do, all together."""
    hooks = [part for part in parts if part.key == "hook"]
    return merge(file_effect(part.rest, part.rest, hook_file(part), around) for part in hooks)


def unique_values(types: Iterator[T]) -> tuple[T, ...]:
    """The same values in their order, each once."""
    return tuple(dict.fromkeys(types))


def web_server(parts: list[Section]) -> Nginx | None:
    """The configuration of nginx as far as it was printed, `broken` where nginx refuses it; None without nginx.

    Raises Unobservable for a configuration that cannot be read here.
    """
    for part in parts:
        if part.key == "nginx":
            return nginx.read_configuration(whole_number(part.rest, most=255), part.text)
    return None


def parse_key(part: Section) -> Key:
    """A private key as the SHA-256 of its public half, from the PEM of SubjectPublicKeyInfo that openssl printed.

    One with `trouble` where openssl printed none, or nothing that makes sense.
    """
    inner = [line for line in part.lines if line and not line.startswith("-----")]
    if part.trouble or not inner:
        return Key(part.rest, trouble=part.trouble or "nothing was printed")
    try:
        return Key(part.rest, hashlib.sha256(base64.b64decode("".join(inner), validate=True)).hexdigest())
    except binascii.Error:
        return Key(part.rest, trouble="its public half makes no sense")


def parse_lineages(parts: list[Section]) -> Iterator[Lineage]:
    """Every lineage of certbot, by name: those with a renewal configuration, and those that have lost it.

    The latter have `configured` False; a lineage without a certificate on disk has an empty `chain`.
    """
    confs = {p.rest.removesuffix(".conf"): p for p in parts if p.key == "renewal"}
    live = {p.rest.split("/")[-2]: pem_certificates(p.text) for p in parts if p.key == "live"}
    accounts = [p.rest for p in parts if p.key == "account"]
    around = parse_surroundings(parts)
    for name in sorted({*confs, *live}):
        if name in confs:
            yield parse_lineage(
                name,
                confs[name],
                live.get(name, ()),
                RenewalContext(accounts, around, parse_webroots(name, parts), tuple(parse_parts(name, parts))),
            )
        else:
            yield Lineage(name, configured=False, chain=live[name])


def parse_webroots(name: str, parts: list[Section]) -> tuple[tuple[str, bool], ...]:
    """The webroots of the lineage `name`, each with whether it exists.

    `parts` are all sections of the look: those of its webroots stand behind that of its configuration (`renewal`),
    before the next lineage's.
    """
    matches: dict[str, bool] = {}
    current = ""
    for part in parts:
        if part.key == "renewal":
            current = part.rest.removesuffix(".conf")
        elif part.key == "webroot" and current == name:
            present, _, path = part.rest.partition(" ")
            matches[path.strip()] = present == "yes"
    return tuple(matches.items())


def parse_parts(name: str, parts: list[Section]) -> Iterator[str]:
    """What is wrong with the files that the configuration of the lineage `name` names; nothing when all is right.

    `parts` are all sections of the look: those of its files (`part`) stand behind that of its configuration
    (`renewal`), before the next lineage's.
    """
    current = ""
    for part in parts:
        if part.key == "renewal":
            current = part.rest.removesuffix(".conf")
        elif part.key == "part" and current == name:
            present, _, path = part.rest.partition(" ")
            if present != "yes":
                yield f"{path} is not there" if present == "no" else f"{path} is no symbolic link into the archive"


@dataclass(frozen=True)
class RenewalContext:
    """What a lineage needs besides its configuration.

    Accounts on disk, the place where hooks run, its own webroots, and what is wrong with the files that it names.
    """

    accounts: list[str]
    around: Surroundings
    webroots: tuple[tuple[str, bool], ...]
    broken: tuple[str, ...]


def parse_lineage(name: str, part: Section, chain: tuple[str, ...], context: RenewalContext) -> Lineage:
    """A lineage from its configuration file and the certificate on disk (`chain`).

    The file is configobj: `key = value`, `[section]`; the values needed here take one line each. What certbot could
    not use of it becomes `trouble`.
    """
    pairs = (line.partition("=") for line in part.lines if not line.lstrip().startswith("#"))
    lines = {left.strip(): right.strip().strip("'\"") for left, equals, right in pairs if equals}
    account = "" if lines.get("account") == "None" else lines.get("account", "")
    where = f"in renewal/{name}.conf"
    hooks = [(f"{hook} {where}", lines[hook]) for hook in CONFIGURED_HOOKS if lines.get(hook, "None") != "None"]
    installer = lines.get("installer", "None")
    manual = lines.get("authenticator", "") == "manual"
    own = Reloading(here=installer in ("nginx", "apache"))
    return Lineage(
        name=name,
        authenticator=lines.get("authenticator", "").rpartition(":")[2],
        server=lines.get("server", ""),
        account=account,
        account_found=any(not account or account in path.split("/") for path in context.accounts),
        installer="" if installer == "None" else installer.rpartition(":")[2],
        webroots=context.webroots,
        trouble=tuple(conf_trouble(part, lines)) + context.broken,
        hooked=lines.get("manual_auth_hook" if manual else "pre_hook", "None") != "None",
        port=challenge_port(lines) or 80,
        reloading=merge([own, *(reloading_of(place, text, context.around) for place, text in hooks)]),
        elsewhere=merge(reloading_of(place, text, context.around.elsewhere) for place, text in hooks),
        autorenew=lines.get("autorenew", "True").lower() != "false",
        chain=chain,
        renew_before=lines.get("renew_before_expiry", ""),
        version=lines.get("version", ""),
    )


def conf_trouble(part: Section, lines: dict[str, str]) -> Iterator[str]:
    """The reasons in a lineage's configuration file why certbot skips it; none where it does not."""
    if not any(line.strip() for line in part.lines):
        yield "it is empty"
        return
    lacking = [key for key in PARTS if not lines.get(key)]
    if lacking:
        yield f"it does not name {', '.join(lacking)}"
    if not any(line.strip() == "[renewalparams]" for line in part.lines):
        yield "it has no section [renewalparams]"
    elif not lines.get("authenticator"):
        yield "it names no authenticator"
    if challenge_port(lines) is None:
        yield "its http01_port is no number of a port"


def challenge_port(lines: dict[str, str]) -> int | None:
    """The port on which certbot itself listens for the authority, 80 by default; None where the file has no number."""
    try:
        return number_in(lines, "http01_port", 80, most=65535)
    except Unobservable:
        return None


def parse_renewals(parts: list[Section], cron: bool) -> Iterator[Renewal]:
    """What in the container runs certbot: crontabs, and loops that run now. `cron` says whether a cron runs there.

    A crontab without one has a fault. A certbot that runs at this moment is no schedule: it may be anybody's. Raises
    Unreadable for a script in them that cannot be parsed.
    """
    faults = () if cron else ("no cron runs in the container",)
    around = parse_surroundings(parts)
    for part in parts:
        if part.key == "cron":
            yield from container_cron_renewals(part, around, faults)
            continue
        renewals: Iterator[Renewal] = iter(())
        if part.key == "loop" and part.rest != "certbot":
            renewals = loop_renewals(f"the process {part.rest}", part.text.rstrip(), around)
        elif part.key == "started":
            renewals = renewals_in(f"the process {part.rest}", part.text, around, loops=True)
        elif part.key == "periodic":
            renewals = periodic_renewals(part, around, faults)
        yield from (replace(renewal, inside=True) for renewal in renewals)


def periodic_renewals(part: Section, around: Surroundings, faults: tuple[str, ...]) -> Iterator[Renewal]:
    """The renewals of a script in a directory of cron in a container: run-parts skips one with a dot in its name."""
    own = [f"{part.rest} {part.trouble}"] if part.trouble else []
    if not VALID_NAME.fullmatch(part.rest.rpartition("/")[2]):
        own.append("its name has a sign that run-parts takes in no name")
    for renewal in renewals_in(part.rest, part.text, around):
        yield replace(renewal, faults=(*faults, *own, *renewal.faults)).due_at(times_of_directory(part.rest))


def container_cron_renewals(part: Section, around: Surroundings, faults: tuple[str, ...]) -> Iterator[Renewal]:
    """The renewals in the lines about certbot of one crontab, or of one script of cron's, in a container.

    Each gets `faults` in front of its own. Comments are left out. Raises Unreadable for a script that cannot be parsed.
    """
    for line in part.lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        for renewal in renewals_in(part.rest, command_of_line(text), around):
            yield replace(renewal, inside=True, faults=(*faults, *renewal.faults)).due_at(times_of_line(text))


def command_of_line(line: str) -> str:
    """The command of a crontab's line, without times and user; the same text where it is no such line.

    >>> command_of_line("0 */12 * * * root test -x /c && certbot renew"), command_of_line("@daily certbot renew")
    ('test -x /c && certbot renew', 'certbot renew')
    """
    fields = line.split(None, 1) if line.startswith("@") else line.split(None, 5)
    if not (line.startswith("@") or (len(fields) == 6 and all(TIMES.fullmatch(field) for field in fields[:5]))):
        return line
    first, _, rest = fields[-1].partition(" ")
    return (
        rest.strip()
        if first in ("root", "certbot") and rest.strip().split(" ")[0] not in OPTIONS_OR_VERBS
        else fields[-1]
    )


def parse_surroundings(parts: list[Section]) -> Surroundings:
    """The programs and scripts for hooks in a container, and certbot's own options there; without other containers."""
    absent = frozenset(part.rest for part in parts if part.key == "absent")
    files = {part.rest: hook_file(part) for part in parts if part.key in ("hook", "script")}
    ini = [word for part in parts if part.key == "ini" for line in part.lines for word in ini_words(line)]
    return Surroundings(absent, files, ini=tuple(ini), certbot=any(part.key == "certbot" for part in parts))


def hook_file(part: Section) -> HookFile:
    """A file that is run as a hook, as the script printed it; `unread` where it printed neither text nor trouble."""
    trouble = "has line ends of Windows (CR LF)" if "\r" in part.trouble else part.trouble
    return HookFile(part.text if part.lines else "", trouble, unread=not part.lines and not trouble)
