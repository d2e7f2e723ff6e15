"""Measure how easily the project's names can be found and understood.

`python -m tests.pure.project.names` prints the measures; with `--list`, every name behind them.

- one_word: percentage of functions whose name is a single word, without dunder methods, tests and verbs of a protocol
- vague: how often a function, an argument or a local is called by a word that stands for anything
- many_homes: names that three or more modules define at their top level
- twins: file names that two or more modules share, outside the folders in which each has the same parts
- circle: modules in the largest group that import each other in a circle, imports for types counted
- shell_strings: constants of more than four lines of shell
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[3]
PRODUCT = ("fleetkeeper", "remediate")
AROUND = ("tests", "lab", "docs", "benchmarks")
VAGUE = frozenset(
    {
        "asked",
        "found",
        "known",
        "lent",
        "meant",
        "odd",
        "one",
        "place",
        "said",
        "there",
        "told",
        "wanted",
        "way",
    }
)
PROTOCOL = frozenset(
    [
        "observe",
        "parse",
        "main",
        "show",
        "do",
        "undo",
        "inverse",
        "ask",
        "open",
        "close",
        "send",
        "receive",
        "load",
        "dump",
        "apply",
        "run",
        "read",
        "write",
        "wait",
    ]
)
"""Verbs whose noun the module or the class says."""
SAME_IN_EACH = frozenset({"observe", "parse", "looks", "main", "show", "do", "inverse", "Facts", "Policy", "RULES"})
PARTS = frozenset({"topics", "remedies", "steps", "programs", "pure", "faults"})
"""Folders whose parts have the same file names on purpose."""
SHELL = re.compile(
    r"^\s*(if .*; then|for .* in .*; do|while .*; do|case .* in|exec |set -|\w+=\$\(|printf '|\[ )", re.MULTILINE
)
LINES_OF_SHELL = 4


@dataclass(frozen=True)
class Measures:
    """The names behind each measure, and the share of one-word functions in percent."""

    one_word: list[str]
    functions: int
    vague: list[str]
    many_homes: list[str]
    twins: list[str]
    circle: list[str]
    shell_strings: list[str]

    def numbers(self) -> dict[str, int]:
        """Each measure as a number; the share is rounded up."""
        lists = {field.name: getattr(self, field.name) for field in fields(self)}
        counts = {name: len(match) for name, match in lists.items() if isinstance(match, list)}
        return counts | {"one_word": -(-100 * len(self.one_word) // max(1, self.functions))}


def parse_packages(packages: Iterable[str]) -> dict[str, ast.Module]:
    """The syntax tree of each module, by its dotted name."""
    paths = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    return {dotted_name(path): syntax_tree(path) for path in paths}


@cache
def syntax_tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def syntax_nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    """All nodes of a tree. Walking through one takes longer than parsing it, and many tests do."""
    return tuple(ast.walk(tree))


def dotted_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def measure_names(packages: Iterable[str]) -> Measures:
    trees = parse_packages(packages)
    functions = [name for tree in trees.values() for name in function_names(tree)]
    return Measures(
        one_word=sorted(name for name in functions if "_" not in name.strip("_") and name not in PROTOCOL),
        functions=len(functions),
        vague=sorted(name for tree in trees.values() for name in bound_names(tree) if name in VAGUE),
        many_homes=names_with_many_homes(trees),
        twins=shared_file_names(trees),
        circle=largest_circle(import_graph(trees)),
        shell_strings=[f"{name}:{line}" for name, tree in trees.items() for line in shell_lines(tree)],
    )


def function_names(tree: ast.Module) -> Iterator[str]:
    for node in syntax_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith(("__", "test_")):
            yield node.name


def bound_names(tree: ast.Module) -> Iterator[str]:
    """Names of functions, of their arguments, and of all that is assigned."""
    for node in syntax_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def names_with_many_homes(trees: dict[str, ast.Module]) -> list[str]:
    homes = Counter(
        node.name
        for tree in trees.values()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )
    return sorted(name for name, count in homes.items() if count >= 3 and name not in SAME_IN_EACH)


def shared_file_names(trees: dict[str, ast.Module]) -> list[str]:
    homes: dict[str, list[str]] = defaultdict(list)
    for module in trees:
        package, _, name = module.rpartition(".")
        homes[name].append(package)
    return sorted(
        name
        for name, packages in homes.items()
        if len(packages) > 1 and not (ROOT / packages[0].replace(".", "/") / name).is_dir()
        if not all(PARTS & set(package.split(".")) for package in packages)
    )


def import_graph(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Which modules each module imports, of those that are measured."""
    return {name: {other for other in imported(name, tree, trees) if other != name} for name, tree in trees.items()}


def imported(name: str, tree: ast.Module, trees: dict[str, ast.Module]) -> Iterator[str]:
    for node in syntax_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in trees)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from (module for module in ([inner] if inner in trees else [node.module]) if module in trees)


def largest_circle(graph: dict[str, set[str]]) -> list[str]:
    """The largest group of modules each of which reaches every other one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        reached = {module: reachable(module, graph) for module in graph}
        groups = [[other for other in reached[module] if module in reached[other]] for module in graph]
        return sorted(max(groups, key=len))
    return []


def reachable(module: str, graph: dict[str, set[str]]) -> set[str]:
    """Every module that is imported from this one, directly or not."""
    seen: set[str] = set()
    waiting = list(graph[module])
    while waiting:
        if (other := waiting.pop()) not in seen:
            seen.add(other)
            waiting += graph[other]
    return seen


def shell_lines(tree: ast.Module) -> Iterator[int]:
    """The line of each constant that holds a script."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in syntax_nodes(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in syntax_nodes(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        if is_text and node.value.count("\n") > LINES_OF_SHELL and SHELL.search(node.value):
            yield node.lineno


def main() -> None:
    for title, packages in (("product", PRODUCT), ("around it", AROUND)):
        measures = measure_names(packages)
        print(f"{title}: {measures.functions} functions, {measures.numbers()}")  # noqa: T201
        if "--list" in sys.argv:
            for field in fields(measures):
                if isinstance(names := getattr(measures, field.name), list):
                    print(f"\n{field.name}:", *(f"  {name} {n}" for name, n in Counter(names).most_common()), sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
