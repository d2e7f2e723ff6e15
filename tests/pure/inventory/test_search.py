"""Where inventories are looked for, and what is said when there is none of that name."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetkeeper.errors import UsageError
from fleetkeeper.inventory.search import PACKAGE, VARIABLE, available_inventories, find_inventory
from fleetkeeper.topics.registry import load_inventory

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with one inventory above it."""
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories" / "campus.yml").write_text("nodes: {}")
    below = tmp_path / "deep" / "er"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    return tmp_path


def test_an_inventory_is_found_above_the_current_folder(folder: Path) -> None:
    assert find_inventory("campus") == folder / "inventories" / "campus.yml"


def test_the_variable_comes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "campus.yaml").write_text("nodes: {}")
    monkeypatch.setenv(VARIABLE, f"{folder / 'one'}:{folder / 'two'}:{folder / 'nowhere'}")
    assert find_inventory("campus") == folder / "one" / "campus.yaml"


def test_an_unknown_name_tells_the_nearest_and_all_case_3(folder: Path) -> None:
    with pytest.raises(UsageError) as wrong:
        find_inventory("campsu")
    assert wrong.value.hint.startswith('did you mean "campus"? Known inventories are campus, ')


@pytest.mark.parametrize(
    "name", ["", "-v", "../campus", "campus.yml", "./nowhere.yml", "a\nb", "\x1b[31m", "..", ".", "/"]
)
def test_what_is_no_inventory_is_a_usage_error_case_3(folder: Path, name: str) -> None:
    with pytest.raises(UsageError) as wrong:
        find_inventory(name)
    assert "\x1b" not in str(wrong.value)


def test_a_path_leads_to_any_file(folder: Path) -> None:
    assert find_inventory("../../inventories/campus.yml").samefile(folder / "inventories" / "campus.yml")


def test_a_folder_or_a_hidden_file_is_no_inventory(folder: Path) -> None:
    (folder / "inventories" / "folder.yml").mkdir()
    (folder / "inventories" / ".hidden.yml").write_text("")
    (folder / "inventories" / "notes.txt").write_text("")
    assert not {"folder", ".hidden", "notes"} & set(available_inventories())


def test_local_is_there_wherever_one_stands(folder: Path) -> None:
    assert load_inventory(find_inventory("local")).nodes["this"].connection == "local"


def test_the_copy_in_the_package_is_the_one_of_the_clone() -> None:
    assert (PACKAGE / "shipped" / "local.yml").read_bytes() == (ROOT / "inventories" / "local.yml").read_bytes()


def test_the_name_of_a_file_is_a_name_too_case_73(folder: Path) -> None:
    (folder / "a\x1b[31m.yml").write_text("nodes: {}")
    with pytest.raises(UsageError, match="cannot name an inventory") as wrong:
        find_inventory(f"{folder}/a\x1b[31m.yml")
    assert "\x1b" not in str(wrong.value)
