"""No secret is shown, whatever a server's files hold: values that look like one are struck out, in one place."""

from __future__ import annotations

import re

NAMED = re.compile(
    r"(?i)(\b[\w-]*(?:pass(?:word|wd|phrase)?|secret|token|api_?key|private_?key|credential)[\w-]*["']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|\S+)"
)
OPTION = re.compile(r"(?i)(--?[\w-]*(?:password|passwd|secret|token|api-?key)[= ]+)(\"[^\"]*\"|'[^']*'|\S+)")
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
