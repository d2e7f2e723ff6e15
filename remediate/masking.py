"""No secret is shown, whatever a server's files hold: values that look like one are struck out, in one place."""

from __future__ import annotations

import re

WORDS = r"pass(?:word|wd|phrase|(?![a-z]))|secret|token|api_?key|private_?key|credential"
VALUE = r"""("[^"]*"|'[^']*'|\S+)"""
NAMED = re.compile(rf"(?i)(\b[\w-]*(?:{WORDS})[\w-]*[\"']?\s*[=:]\s*){VALUE}")
OPTION = re.compile(rf"(?i)(--?[\w-]*(?:{WORDS}|api-key)[= ]+){VALUE}")
IN_URL = re.compile(r"(\w+://[^\s/:@]*:)[^\s/@]+(?=@)")
BLOCKS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)


def masked(text: str) -> str:
    """The text with every value that looks like a secret replaced by `***`.

    >>> masked("PGPASSWORD=hunter2 pg_dump")
    'PGPASSWORD=*** pg_dump'
    >>> masked("curl https://me:hunter2@example.org --token abc")
    'curl https://me:***@example.org --token ***'
    """
    text = BLOCKS.sub("***", text)
    text = IN_URL.sub(r"\1***", text)
    return OPTION.sub(r"\1***", NAMED.sub(r"\1***", text))
