"""Ways out of data, one by one: what each function lets through, over everything that Unicode and shells have."""

from __future__ import annotations

import subprocess

import pytest

from fleetkeeper.untrusted import (
    shell_word,
)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_a_shell_word_is_one_word_in_every_shell(shell: str) -> None:
    words = [
        "",
        "-n",
        "a b",
        "'",
        '"',
        "\\",
        "$(x)",
        "`x`",
        "a\nb",
        "*",
        "~",
        "#",
        "é\x1b",
        "=",
        "!",
        "{a,b}",
        "%\t&|;<>()",
    ]
    script = "printf '%s\\0' " + " ".join(map(shell_word, words))
    argv = [shell, "sh", "-c", script] if shell == "busybox" else [shell, "-c", script]
    assert subprocess.run(argv, capture_output=True, check=True).stdout.decode().split("\0")[:-1] == words
