"""Shell text in the code that changes servers: constant scripts, and lines whose values came by their own ways out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REMEDIATE = Path(__file__).parents[3] / "remediate"
MODULES = sorted(REMEDIATE.rglob("*.py"))
CLOSED = frozenset(
    (
        *("crontab_line", "docker_client", "certbot_path", "filter_options"),
        *("installed_command", "installed_word", "installed_path", "shell_word", "shell_command"),
    )
)
"""Functions that give what may stand in a line of shell."""
OWN_QUOTING = {"sudoers_lines.py": "quotes constants of this project into the helper that it prints"}
SPLITS = {"entries.py", "backup_jobs.py", "fix.py"}
"""They split commands of an inventory or a crontab into words, or show the caller's own command line."""


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == name:
            yield node


def after_dash_c(tree: ast.AST) -> Iterator[ast.expr]:
    """What is handed to a shell as its script: the element behind `-c`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple | ast.List):
            for flag, script in zip(node.elts, node.elts[1:], strict=False):
                if isinstance(flag, ast.Constant) and flag.value == "-c":
                    yield script


def is_constant(node: ast.expr) -> bool:
    """A script file, a text of the module itself, by its name in capitals, or an argument that is handed on."""
    if isinstance(node, ast.JoinedStr):
        return all(is_constant(part.value) for part in node.values if isinstance(part, ast.FormattedValue))
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "load_script":
        return is_constant(node.args[0])
    name = getattr(node, "id", getattr(node, "attr", ""))
    return isinstance(node, ast.Constant) or name.isupper() or name in {"script", "text"}


def is_closed(node: ast.expr, function: ast.FunctionDef) -> bool:
    """Whether a value in a line is a constant, or was made by one of the functions above."""
    if isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id.isupper()):
        return True
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") != "fill_form":
        return getattr(node.func, "id", "") in CLOSED
    if isinstance(node, ast.Call | ast.Dict):
        values = node.args if isinstance(node, ast.Call) else node.values
        return all(is_closed(value, function) for value in values)
    if isinstance(node, ast.JoinedStr):
        return all(is_closed(part.value, function) for part in node.values if isinstance(part, ast.FormattedValue))
    if isinstance(node, ast.Name):
        made = [
            item.value
            for item in ast.walk(function)
            if isinstance(item, ast.Assign) and [getattr(target, "id", "") for target in item.targets] == [node.id]
        ]
        return bool(made) and all(is_closed(value, function) for value in made)
    return False


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(REMEDIATE)))
def test_no_value_is_pasted_into_a_script_and_quoting_is_done_in_one_place(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    assert [ast.unparse(item) for item in after_dash_c(tree) if not is_constant(item)] == []
    if module.name not in OWN_QUOTING:
        quoting = [
            call for name in ("join", "quote") for call in calls(tree, name) if "shlex" in ast.unparse(call.func)
        ]
        assert [ast.unparse(item) for item in quoting if module.name not in SPLITS] == []


def test_every_value_in_a_line_that_is_installed_came_by_its_own_way_out() -> None:
    match = 0
    for module in MODULES:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            for call in calls(function, "crontab_line"):
                match += 1
                [_, command] = call.args
                assert is_closed(command, function), ast.unparse(command)
    assert match == 2, "the two lines that are installed: certbot's and the backup's"


def test_the_test_itself_sees_a_value_that_is_pasted() -> None:
    [function] = ast.parse("def f(c):\n    return crontab_line('x', f'docker exec {c.name}')").body
    assert isinstance(function, ast.FunctionDef)
    [call] = calls(function, "crontab_line")
    assert not is_closed(call.args[1], function)
    filled = "def f(c):\n    words = {'A': shell_word(c), 'B': c}\n    return crontab_line('x', fill_form(FORM, words))"
    [function] = ast.parse(filled).body
    assert isinstance(function, ast.FunctionDef)
    [call] = calls(function, "crontab_line")
    assert not is_closed(call.args[1], function)
    assert [is_constant(item) for item in after_dash_c(ast.parse("('sh', '-c', f'rm {x}')"))] == [False]
