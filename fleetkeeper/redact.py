"""Masking of secrets in text from servers: values that look like one are replaced, in this one place.

Every repetition in a pattern that may fail after its end is bounded: a text, however long, is searched in linear time.
"""

from __future__ import annotations

import re

WORDS = r"pass(?:word|wd|phrase|(?![a-z]))|secret|token|api_?key|private_?key|credential"
VALUE = r"""("[^"]*"|'[^']*'|\S+)"""
NAMED = re.compile(rf"(?i)((?:{WORDS})[\w-]{{0,100}}[\"']?\s{{0,20}}[=:]\s{{0,20}}){VALUE}")
OPTION = re.compile(rf"(?i)(--?[\w-]{{0,60}}(?:{WORDS}|api-key)[= ]{{1,20}}){VALUE}")
IN_URL = re.compile(r"(?<=\w)(://[^\s/:@]*:)[^\s/]+(?=@)")
ALONE_IN_URL = re.compile(r"(?<=\w)(://)[\w-]{16,}(?=@)")
HEADER = re.compile(r"(?i)(\bauthorization\s{0,20}:\s{0,20}(?:(?:bearer|basic|token|digest)\s{1,20})?)[^\s'\"]+")
LOGIN = re.compile(r"(\bcurl\b[^|;&]{0,500}?\s(?:-u|--user|--proxy-user)[= ]?['\"]?[^\s:'\"/]{1,200}:)[^\s'\"]+")
SHORT = re.compile(
    r"(\b(?:sshpass\s{1,20}-p|redis-cli\b[^|;&]{0,500}\s(?:-a|--pass)|login\b[^|;&]{0,500}\s-p"
    rf"|(?:mysql|mariadb)\w{{0,20}}\b[^|;&]{{0,500}}\s-p(?=\S))\s{{0,20}}){VALUE}"
)
"""Passwords after a one-letter option of a program (sshpass -p, redis-cli -a, login -p, mysql -p)."""
TOKENS = re.compile(
    r"\b(?:(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk_live_|hvs\.)[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}\b)"
    r"|(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|(?<=hooks\.slack\.com/services/)\S+"
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
