"""The scripts that run on nodes: files of POSIX shell and awk, in a folder `scripts` beside the module that sends them.

They are constant text: values reach them as arguments. What a node gets is a file without the comment that it begins
with and without directives for shellcheck, joined with the files that it includes:

- a line `# include PATH` stands for the text of that file;
- `'# include PATH'` in quotes stands for the same text as one word of the shell, whatever quotes are in it.
"""

from __future__ import annotations

import re
import shlex
from functools import cache
from importlib.resources import files

HEADER = re.compile(r"\A(#(?! include ).*\n)*")
DIRECTIVE = re.compile(r"^ *# shellcheck .*\n", re.MULTILINE)
INCLUDED_WORD = re.compile(r"'# include (\S+)'")
INCLUDED_LINES = re.compile(r"^# include (\S+)\n", re.MULTILINE)


@cache
def load_script(path: str) -> str:
    """The text of a script file as a node gets it. `path` begins with the package: `fleetkeeper/…/scripts/NAME.sh`.

    Without its head comment and linter lines, and with the scripts that it includes in their place. Read once. Raises
    OSError where there is no such file.

    >>> load_script("fleetkeeper/transport/scripts/is_opened.sh").split("\\n")[1]
    'is_opened() {'
    """
    package, _, inner = path.partition("/")
    text = files(package).joinpath(inner).read_text(encoding="utf-8")
    text = DIRECTIVE.sub("", HEADER.sub("", text))
    text = INCLUDED_WORD.sub(lambda match: shlex.quote(load_script(match[1])), text)
    return INCLUDED_LINES.sub(lambda match: load_script(match[1]).removeprefix("\n"), text)
