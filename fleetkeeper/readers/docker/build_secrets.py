"""What the steps of a build set to a secret: by the names of variables, and by addresses that hold a password.

Only names and hosts are told, never a value. Sources: https://docs.docker.com/reference/dockerfile/ (ENV, ARG, RUN);
https://docs.docker.com/build/building/secrets/; RFC 3986, 3.2.1 (userinfo).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise

WORDS_OF_SECRETS = frozenset(
    {
        *("PASS", "PASSWORD", "PASSWD", "PASSPHRASE", "PWD", "SECRET", "SECRETS", "TOKEN", "CREDENTIAL", "CREDENTIALS"),
        *("APIKEY", "PASSCODE", "SSHPASS", "PW", "PSWD", "PASSWRD", "CREDS", "PWORD"),
    }
)
ENDS_OF_SECRETS = (
    *("PASSWORD", "PASSWD", "PASSPHRASE", "TOKEN", "APIKEY", "SECRET"),
    *("SECRETKEY", "ACCESSKEY", "PRIVATEKEY", "AUTHKEY", "ENCRYPTIONKEY", "SIGNINGKEY", "MASTERKEY"),
)
"""What a word may end with that is written in one with what stands before it, as in PGPASSWORD."""
PASS_OF = re.compile(r"(DB|PG|SQL|MYSQL|POSTGRES|REDIS|MONGO|ROOT|ADMIN|USER|FTP|SMTP|MAIL|LDAP|AUTH|HTTP|PROXY)PASS")
"""PASS written in one with whose it is; other words end with it too, such as BYPASS and COMPASS."""
KINDS_OF_KEYS = frozenset({"API", "ACCESS", "PRIVATE", "SECRET", "ENCRYPTION", "SIGNING", "AUTH", "ACCOUNT", "MASTER"})
"""What stands before KEY in the name of one that is secret; keys to check signatures with are public."""
HARMLESS_ENDS = frozenset(
    {
        *("FILE", "PATH", "DIR", "DIRECTORY", "ID", "NAME", "URL", "URI", "HOST", "PORT", "LENGTH", "TTL", "AGE"),
        *("EXPIRY", "EXPIRATION", "TIMEOUT", "POLICY", "TYPE", "ALGORITHM", "HEADER", "COMMAND", "ENABLED"),
    }
)
"""What a name ends with that is about a secret and holds none."""
NO_SECRETS = frozenset({"true", "false", "yes", "no", "on", "off", "none", "null"})
REFERENCE = r"\$(?:\w+|[@*#?$!-]|\{\w+(?::?\?[^}]*|:?-?)\})"
"""What a shell or a build puts in for a variable, without a default of its own."""
HARMLESS_VALUE = re.compile(rf"[0-9]|%[a-z]|/\S*|(?:{REFERENCE})+|(?:\$\(|`).*", re.DOTALL)
ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)=")
BUILT_WITH = re.compile(r"^\|[0-9]+ ")
BETWEEN_COMMANDS = re.compile(r"[;&|)]|(?<!\$)\(")
LISTED = re.compile(r"\"\s*,\s*\"")
"""What stands between two words of a command that is written as a list."""
ADDRESS = re.compile(
    r"([a-z][a-z0-9+.-]{0,20})://([^\s/@:\"'<>]{0,200})(?::([^\s/@\"'<>]{1,500}))?@([^\s/:@?#\"'<>]{1,255})"
)
BARE_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,}")
"""A token that stands where the name of a user belongs, as GitHub's do."""


def secrets_of_step(instruction: str, text: str) -> Iterator[str]:
    """What a step sets to a secret: names of variables, and addresses with a password, by their host.

    >>> list(secrets_of_step("ENV", "DB_PASSWORD=x GPG_KEY=4f ALLOW_EMPTY_PASSWORD=no API_KEY_FILE=/run/k"))
    ['DB_PASSWORD']
    >>> [list(secrets_of_step(*step)) for step in (("RUN", "|2 NPM_TOKEN=4f A=b npm ci"), ("ARG", "TOKEN"))]
    [['NPM_TOKEN'], []]
    >>> list(secrets_of_step("RUN", "export API_KEY=4f5a && git clone https://me:4f5a@git.example/x"))
    ['API_KEY', 'a password in an address of git.example']
    """
    for name, value in assignments_of(instruction, text):
        if is_secret_name(name) and is_secret_value(value):
            yield name
    yield from (f"a password in an address of {host}" for host in hosts_with_passwords(text))


def assignments_of(instruction: str, text: str) -> Iterator[tuple[str, str]]:
    """Name and value of each variable that ENV, ARG, a build argument of RUN or a word of its command sets."""
    if instruction not in ("RUN", "ENV", "ARG"):
        return
    if instruction == "RUN":
        text = BETWEEN_COMMANDS.sub(" ", command_text(BUILT_WITH.sub("", text, count=1)))
    words = words_of(text)
    if instruction == "ENV" and words and not ASSIGNMENT.match(words[0]):
        yield words[0], " ".join(words[1:])
        return
    inner = (part for word in words for part in ([word] if ASSIGNMENT.match(word) else word.split()))
    for match, word in ((ASSIGNMENT.match(word), word) for word in inner):
        if match:
            yield match[1], word[match.end() :]


def command_text(text: str) -> str:
    """A command of RUN as one text, also one that is written as a list.

    >>> command_text('["sh", "-c", "A=b npm ci"]')
    'sh -c A=b npm ci'
    """
    return LISTED.sub(" ", text).strip("[] ").strip('"') if text.startswith("[") else text


def words_of(text: str) -> list[str]:
    """The words of a text as a shell takes them; split at blanks where its quotes do not close."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret, by the words in it.

    >>> [is_secret_name(name) for name in ("AWS_SECRET_ACCESS_KEY", "dbPassword", "PGPASSWORD", "db-pass", "TOKEN2")]
    [True, True, True, True, True]
    >>> [is_secret_name(name) for name in ("GPG_KEY", "TOKENIZERS", "PWD", "BYPASS", "PASSWORD_FILE")]
    [False, False, False, False, False]
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()
    words = [word.rstrip("0123456789") for word in re.split(r"[_.-]", parted)]
    words = [word for word in words if word] or [""]
    if words[-1] in HARMLESS_ENDS or name in ("PWD", "OLDPWD"):
        return False
    before_key = {first for first, second in pairwise(words) if second in ("KEY", "KEYS")}
    ends = any(word.endswith(ENDS_OF_SECRETS) or PASS_OF.fullmatch(word) for word in words)
    return bool(ends or WORDS_OF_SECRETS & set(words) or before_key & KINDS_OF_KEYS)


def is_secret_value(value: str) -> bool:
    """Whether a value may be a secret: not empty, no switch, number of one digit, path, other variable or command.

    >>> [is_secret_value(value) for value in ("hunter2", "$X", "$(cat /run/secrets/x)", "${X:?missing}", "${X:-4f}")]
    [True, False, False, False, True]
    """
    text = value.strip().strip("\"'")
    return bool(text) and text.lower() not in NO_SECRETS and not HARMLESS_VALUE.fullmatch(text)


def hosts_with_passwords(text: str) -> Iterator[str]:
    """The hosts of addresses that hold a password, or a token in place of a user.

    >>> list(hosts_with_passwords("postgres://app:4f5a@db/x https://git@a.example/x https://me:$TOKEN@b.example"))
    ['db']
    """
    for scheme, user, password, host in ADDRESS.findall(text):
        is_token = not password and scheme.rpartition("+")[2] in ("http", "https") and BARE_TOKEN.fullmatch(user)
        if (password and is_secret_value(password)) or is_token:
            yield host
