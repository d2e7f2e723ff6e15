"""Imports at the start of an audit: cheap, and as if nothing had been done about them afterwards."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fleetkeeper.imports import SELDOM, Later, as_written, later, uncollected

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The garbage collector of the tests' own process as it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_the_collector_rests_meanwhile_and_only_if_it_was_at_work() -> None:
    assert gc.isenabled()
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_there_is_is_kept_and_garbage_is_still_found_though_seldom() -> None:
    with uncollected():
        kept = [[] for _ in range(3)]  # type: ignore[var-annotated]
    assert gc.get_freeze_count() >= len(kept)
    assert gc.get_threshold()[0] == SELDOM

    class Garbage:
        """Refers to itself."""

    match: list[int] = []
    unusual = Garbage()
    unusual.itself = unusual  # type: ignore[attr-defined]
    weakref.finalize(unusual, match.append, 1)
    del unusual
    held = [[] for _ in range(2 * SELDOM)]  # type: ignore[var-annotated]
    assert (match, len(held)) == ([1], 2 * SELDOM)


def test_pytests_rewriting_is_away_meanwhile_and_back_at_its_place(pytestconfig: pytest.Config) -> None:
    before: list[object] = list(sys.meta_path)
    hook: object = pytestconfig.pluginmanager.rewrite_hook
    assert hook in before
    with suppress(ZeroDivisionError), as_written(pytestconfig):
        assert sys.meta_path == [finder for finder in before if finder is not hook]
        raise ZeroDivisionError
    assert sys.meta_path == before


def test_where_assertions_are_plain_nothing_is_taken_away(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[-1:])
    before = list(sys.meta_path)
    with as_written(pytestconfig):
        assert sys.meta_path == before
    assert sys.meta_path == before


def test_a_module_is_imported_when_it_is_used_and_not_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "costly.py").write_text("VALUE = 7\n")
    (tmp_path / "using.py").write_text("import costly\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with later("costly"):
        import using  # type: ignore[import-not-found]

        assert isinstance(using.costly, Later)
    assert "costly" not in sys.modules
    assert using.costly.VALUE == 7
    assert sys.modules["costly"].VALUE == 7
    with later("costly"):
        assert sys.modules["costly"].VALUE == 7


def test_a_module_that_is_used_at_once_is_imported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dear.py").write_text("VALUE = 8\n")
    (tmp_path / "hasty.py").write_text("import dear\nVALUE = dear.VALUE\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with later("dear"):
        import hasty  # type: ignore[import-not-found]
    assert hasty.VALUE == sys.modules["dear"].VALUE == 8


def run(code: str) -> dict[str, object]:
    done = subprocess.run((sys.executable, "-c", code), cwd=ROOT, capture_output=True, text=True, check=True)
    text: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return text


def test_an_audit_starts_without_rewriting_our_modules_and_still_explains_a_teams_own_assertions(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_own.py").write_text("def test_own():\n    assert 1 + 1 == 3\n")
    process = run(f"""
import contextlib, io, json, sys, pytest
said = io.StringIO()
with contextlib.redirect_stdout(said):
    pytest.main(["--hosts=local", "-q", "-pno:cacheprovider", {str(tmp_path)!r}])
loader = type(sys.modules["fleetkeeper.inventory.load"].__spec__.loader).__name__
print(json.dumps({{"loader": loader, "explained": "assert (1 + 1) == 3" in said.getvalue()}}))
""")
    assert process == {"loader": "SourceFileLoader", "explained": True}


def test_what_a_teams_own_test_leaves_behind_is_still_found_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("""
class Careless:
    def __del__(self):
        raise ValueError("left behind")

def test_own():
    odd = Careless()
    odd.itself = odd
""")
    words = ("-m", "pytest", "--hosts=local", "-q", "-pno:cacheprovider", str(tmp_path))
    done = subprocess.run((sys.executable, *words), cwd=ROOT, capture_output=True, text=True, check=False)
    assert "PytestUnraisableExceptionWarning" in done.stdout + done.stderr
    assert "left behind" in done.stdout + done.stderr


def test_our_own_ssh_brings_no_task_runner_and_paramiko_still_finds_it() -> None:
    config = 'Match exec "test 1 = 1"\n    User somebody\n'
    process = run(f"""
import json, sys
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.transport.pool import Links
from pathlib import Path
Links(load_inventory(Path("inventories/local.yml"))).routes
before = sorted({{"invoke", "asyncio", "unittest.mock"}} & set(sys.modules))
import paramiko
user = paramiko.SSHConfig.from_text({config!r}).lookup("x")["user"]
print(json.dumps({{"before": before, "user": user, "after": "invoke" in sys.modules}}))
""")
    assert process == {"before": [], "user": "somebody", "after": True}
