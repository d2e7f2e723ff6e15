"""Reading command lines without running them; sh itself is the oracle for words."""

from __future__ import annotations

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from fleetkeeper.readers.shell.words import Unreadable, literal_text, simple_commands


@settings(max_examples=40)
@given(st.text(alphabet=st.sampled_from("ab '\"\\"), max_size=12))
def test_words_are_what_sh_makes_of_them(text: str):
    try:
        [command] = simple_commands(f"printf '<%s>' {text}")
    except Unreadable:
        return
    stdout = subprocess.run(["sh", "-c", f"printf '<%s>' {text}"], capture_output=True, text=True, check=False).stdout
    ours = [literal_text(word) for word in command.words[2:]]
    assert "".join(f"<{word}>" for word in ours or [""]) == stdout
