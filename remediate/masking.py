"""No secret is shown, whatever a server's files hold: values that look like one are struck out, in one place."""

from __future__ import annotations

import re

WORDS = r"pass(?:word|wd|phrase|(?![a-z]))|secret|token|api_?key|private_?key|credential"
VALUE = r"""("[^"]*"|'[^']*'|\S+)"""
NAMED = re.compile(rf"(?i)(\b[\w-]*(?:{WORDS})[\w-]*[\"']?\s*[=:]\s*){VALUE}")
OPTION = re.compile(rf"(?i)(--?[\w-]*(?:{WORDS}|api-key)[= ]+){VALUE}")
IN_URL = re.compile(r"(\w+://[^\s/:@]*:)[^\s/]+(?=@)")
ALONE_IN_URL = re.compile(r"(\w+://)[\w-]{16,}(?=@)")
HEADER = re.compile(r"(?i)(\bauthorization\s*:\s*(?:(?:bearer|basic|token|digest)\s+)?)[^\s'\"]+")
LOGIN = re.compile(r"(\bcurl\b[^|;&]*?\s(?:-u|--user|--proxy-user)[= ]?['\"]?[^\s:'\"/]+:)[^\s'\"]+")
SHORT = re.compile(
    r"(\b(?:sshpass\s+-p|redis-cli\b[^|;&]*\s(?:-a|--pass)|login\b[^|;&]*\s-p|(?:mysql|mariadb)\w*\b[^|;&]*\s-p(?=\S))\s*)"
    rf"{VALUE}"
)
"""Programs that take a password after an option of one letter."""
TOKENS = re.compile(
    r"\b(?:(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk_live_|hvs\.)[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)|(?<=hooks\.slack\.com/services/)\S+"
)
BLOCKS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)


def masked(text: str) -> str:
    """The text with every value that looks like a secret replaced by `***`.

    >>> masked("PGPASSWORD=hunter2 pg_dump")
    'PGPASSWORD=*** pg_dump'
    >>> masked("curl https://me:hunter2@example.org --token abc")
    'curl https://me:***@example.org --token ***'
    >>> masked("curl -H 'Authorization: Bearer abc' -u ops:hunter2 https://example.org")
    "curl -H 'Authorization: Bearer ***' -u ops:*** https://example.org"
    """
    text = TOKENS.sub("***", BLOCKS.sub("***", text))
    for shape in (IN_URL, ALONE_IN_URL, HEADER, LOGIN, SHORT, NAMED, OPTION):
        text = shape.sub(r"\1***", text)
    return text
