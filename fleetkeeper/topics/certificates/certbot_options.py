"""Which certificate a command line of certbot renews, and what it does with it, from its words.

Source: `certbot --help all`, https://eff-certbot.readthedocs.io/en/stable/using.html. Options may be shortened as long
as only one fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CERTBOTS = frozenset({"certbot", "certbot-auto", "letsencrypt"})
PLACES = frozenset({"certbot", "/usr/bin/certbot", "/usr/local/bin/certbot", "/opt/certbot/bin/certbot"})
"""How certbot is started from where it is looked for in a container."""
RENEWING = frozenset({"renew", "certonly", "run"})
OTHER_WORDS = (
    "certificates revoke delete register unregister update_account show_account install plugins reconfigure enhance "
    "rollback"
)
OTHER_VERBS = frozenset(OTHER_WORDS.split())
VALUED_WORDS = (
    "account authenticator cert-name cert-path chain-path config config-dir configurator csr deploy-hook renew-hook "
    "domain domains eab-kid eab-hmac-key eab-hmac-alg elliptic-curve email fullchain-path http-01-address http-01-port "
    "https-port installer ip-address issuance-timeout key-path key-type logs-dir manual-auth-hook manual-cleanup-hook "
    "max-log-backups post-hook pre-hook preferred-chain preferred-challenges preferred-profile reason required-profile "
    "rsa-key-size server tls-sni-01-port user-agent user-agent-comment webroot-map webroot-path work-dir"
)
PLAIN_WORDS = (
    "agree-tos allow-subset-of-names apache auto-hsts break-my-certs debug debug-challenges delete-after-revoke "
    "directory-hooks disable-hook-validation disable-renew-updates dry-run duplicate eff-email expand "
    "force-interactive force-renew force-renewal help hsts keep keep-until-expiring manual manual-public-ip-logging-ok "
    "must-staple new-key nginx no-autorenew no-bootstrap no-directory-hooks no-eff-email no-random-sleep-on-renew "
    "no-redirect no-reuse-key no-self-upgrade no-verify-ssl non-interactive noninteractive os-packages-only quiet "
    "redirect register-unsafely-without-email reinstall renew-by-default renew-with-new-domains reuse-key "
    "run-deploy-hooks staging standalone staple-ocsp strict-permissions test-cert text uir verbose version webroot"
)
VALUED = frozenset(f"--{word}" for word in VALUED_WORDS.split())
PLAIN = frozenset(f"--{word}" for word in PLAIN_WORDS.split())
SHORT = {
    "-a": "--authenticator",
    "-c": "--config",
    "-d": "--domains",
    "-h": "--help",
    "-i": "--installer",
    "-m": "--email",
    "-w": "--webroot-path",
}
SAME = {
    "--force-renew": "--force-renewal",
    "--renew-by-default": "--force-renewal",
    "--domain": "--domains",
    "--renew-hook": "--deploy-hook",
    "--staging": "--test-cert",
}
AUTHENTICATORS = ("--webroot", "--standalone", "--manual", "--nginx", "--apache")
HOOKS = ("--deploy-hook", "--post-hook")
ITS_PLACE = "/etc/letsencrypt"
STAGING = "staging"


@dataclass(frozen=True)
class CertbotCommand:
    """One command of certbot that may renew. Values are empty where it has no such option.

    `faults` keep it from renewing anything; `unclear` is why it is not known what it does. `lineage` is the name of
    the one certificate that it renews, `names` the names that it asks for, `server` the authority, `authenticator` and
    `installer` those that it uses instead of the configured ones. `hooks` are commands that it runs after a renewal,
    each after its option; a command that is not known is None. `deploys`: one of them takes the place of the
    configured hook. `directory`: it runs those in renewal-hooks, too. `needs` are the programs that it looks for
    before it does anything. `forced`: it renews what is not due, too. `given` are the names of its options, `words` all
    behind its program.
    """

    faults: tuple[str, ...] = ()
    unclear: str = ""
    lineage: str = ""
    names: tuple[str, ...] = ()
    server: str = ""
    authenticator: str = ""
    installer: str = ""
    hooks: tuple[tuple[str, str | None], ...] = ()
    deploys: bool = False
    directory: bool = True
    needs: tuple[tuple[str, str], ...] = ()
    forced: bool = False
    given: frozenset[str] = frozenset()
    words: tuple[str | None, ...] = ()


def read_certbot(words: Sequence[str | None]) -> CertbotCommand | None:
    """The command that these words are; None for another program, or a command of certbot that renews nothing.

    Words that are not known are None in `words`: where the verb may be one, the command is `unclear`. One that only
    tries is returned, with `faults`.

    >>> read_certbot(["certbot", "certificates"]), read_certbot(["nginx", "-s", "reload"])
    (None, None)
    >>> read_certbot("certbot renew -q --dry".split()).faults
    ('it only tries, and keeps nothing (--dry-run)',)
    """
    if not words or (words[0] or "").rpartition("/")[2] not in CERTBOTS:
        return None
    options, operands, hidden = split_options(words[1:])
    verb = next((word for word in operands if word in RENEWING | OTHER_VERBS), "")
    if verb in OTHER_VERBS:
        return None
    given = dict(options)
    names = tuple(name for option, value in options if option == "--domains" for name in (value or "").split(","))
    if not (verb or names or given.get("--cert-name") or hidden):
        return None
    unclear = "a part of its command line is a variable" if hidden else ""
    if "--config" in given:
        unclear = unclear or "it reads further options from a file (--config)"
    hooks = tuple((option, given[option]) for option in HOOKS if option in given)
    return CertbotCommand(
        faults=(*option_faults(verb or "run", given), *shell_faults(operands)),
        unclear=unclear,
        lineage=given.get("--cert-name") or "",
        names=() if verb == "renew" else tuple(name.strip().lower() for name in names if name.strip()),
        server=STAGING if "--test-cert" in given else given.get("--server") or "",
        authenticator=chosen_authenticator(given),
        installer=chosen_installer(given),
        hooks=hooks,
        deploys="--deploy-hook" in given,
        directory="--no-directory-hooks" not in given,
        needs=() if "--disable-hook-validation" in given else tuple(needed_programs(given)),
        forced="--force-renewal" in given,
        given=frozenset(given),
        words=tuple(words[1:]),
    )


def split_options(words: Sequence[str | None]) -> tuple[list[tuple[str, str | None]], list[str], bool]:
    """The options with their values, the other words, and whether a word is not known.

    A value is "" for an option without one, and None where it is not known; that alone does not make the last True.
    """
    options: list[tuple[str, str | None]] = []
    operands: list[str] = []
    hidden = False
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word is None:
            hidden = True
            continue
        name, equals, value = word.partition("=")
        option = full_option(name)
        if option in VALUED or SAME.get(option) in VALUED:
            inline = value if equals else word[2:] if name[:2] in SHORT and len(name) > 2 and name[:2] != "--" else ""
            got: str | None = inline if inline else (rest.pop(0) if rest else "")
            options.append((SAME.get(option, option), got))
        elif word.startswith("-"):
            options.append((SAME.get(option, option), ""))
        else:
            operands.append(word)
    return options, operands, hidden


def full_option(name: str) -> str:
    """The whole name of an option; the same text for one that is not known, or could be several.

    >>> full_option("-d"), full_option("--dry"), full_option("--force-re"), full_option("--force")
    ('--domains', '--dry-run', '--force-renewal', '--force')
    """
    if not name.startswith("--"):
        return SHORT.get(name[:2], name)
    if name in VALUED | PLAIN:
        return name
    fits = {SAME.get(option, option) for option in VALUED | PLAIN if option.startswith(name)}
    return fits.pop() if len(fits) == 1 else name


def chosen_authenticator(given: dict[str, str | None]) -> str:
    """The authenticator that the options choose; "" where the configured one is used.

    `given` are the options, each with its value: "" for one without, None where it is not known.
    """
    plugins = [option for option in given if option.startswith("--dns-") and option.count("-") == 3]
    return (given.get("--authenticator") or given.get("--configurator") or "") or next(
        (option.removeprefix("--") for option in (*AUTHENTICATORS, *plugins) if option in given), ""
    )


def chosen_installer(given: dict[str, str | None]) -> str:
    """The installer that the options choose; "" where the configured one is used.

    `given` are the options, each with its value: "" for one without, None where it is not known.
    """
    named = given.get("--installer") or ""
    return named or next((kind for kind in ("nginx", "apache") if f"--{kind}" in given), "")


def option_faults(verb: str, given: dict[str, str | None]) -> Iterator[str]:
    """The reasons in the options why nothing is renewed, or not in the directory that is served from; else none.

    `given` are the options with their values.
    """
    if "--help" in given or "--version" in given:
        yield "it only prints a text about certbot"
    if "--dry-run" in given:
        yield "it only tries, and keeps nothing (--dry-run)"
    place = given.get("--config-dir")
    if place is not None and place.rstrip("/") not in ("", ITS_PLACE):
        yield f"it keeps its certificates in {place} (--config-dir), not in {ITS_PLACE}"
    if verb == "renew" and "--domains" in given:
        yield "`certbot renew` takes no names (-d), and ends at once: it takes --cert-name"


def shell_faults(operands: Sequence[str]) -> Iterator[str]:
    """The fault of an operator of the shell that certbot itself is given, as by systemd; else none."""
    if stray := [word for word in operands if word in ("&&", "||", "|", ";", "&", ">", ">>", "2>&1")]:
        yield f"certbot is given `{stray[0]}` as an argument, since no shell reads the line, and ends at once"


def needed_programs(given: dict[str, str | None]) -> Iterator[tuple[str, str]]:
    """The options with hooks whose program certbot looks for first, and that program, as far as it is known.

    `given` are the options, each with its value: "" for one without, None where it is not known.
    """
    for option in ("--pre-hook", *HOOKS):
        words = (given.get(option) or "").split(None, 1)
        if words:
            yield option, words[0]


def ini_words(line: str) -> Iterator[str]:
    """A line of certbot's own file of options as words of a command line; only those that matter for renewals.

    Nothing for `false`, and for a `server` that is no staging one.

    >>> [list(ini_words(line)) for line in ("deploy-hook = nginx -s reload", "dry-run = true", "server = https://a")]
    [['--deploy-hook=nginx -s reload'], ['--dry-run'], []]
    """
    name, equals, value = (text.strip() for text in line.partition("="))
    if name == "server" and "staging" not in value:
        return  # which authority it is by default: the lineage's own configuration says so, too
    if value.lower() in ("true", "yes", "1") or not equals:
        yield f"--{name}"
    elif value.lower() not in ("false", "no", "0", ""):
        yield f"--{name}={value}"
