"""Inventories: a good one is clean, and each thing that is broken in it is told at its line, with a hint."""

from __future__ import annotations

import json
import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.load import InventoryError
from fleetkeeper.inventory.model_reference import inventory_schema
from fleetkeeper.inventory.problems import InventoryProblem
from fleetkeeper.inventory.schema import Service, Waiver
from fleetkeeper.inventory.search import available_inventories, find_inventory
from fleetkeeper.inventory.strict_yaml import read_document
from fleetkeeper.judging.acceptance import waiver_covers
from fleetkeeper.judging.finding import Finding
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.registry import TOPICS, load_inventory

ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "inventories").glob("*.yml"))
GOOD = """\
nodes:
  manager: {address: rodan2.example.org, user: ops, sudo: true, roles: [manager, web]}
  data:    {address: 192.0.2.12, jump: manager, roles: [storage]}
  vgpu:    {address: 192.0.2.13, jump: manager, roles: [gpu]}
services:
  postgres: {name: rodan_postgres, user: postgres}
  nginx:    {name: rodan_nginx, user: www-data, master: root}
  rodan:    {name: rodan_rodan-main, user: [django, rodan]}
backups:
  service: postgres
  schedule: "0 0,12 * * *"
  command: backup
  volume: {name: rodan_pg_backup, node: data, budget: 60 GiB}
  timezone: America/Toronto
  keep: {last: 4, daily: 14, weekly: 8, monthly: 12, yearly: 10}
  at_least: 3
certificates:
  - {name: rodan2.example.org, service: nginx}
waivers:
  - {rule: containers.run_as_their_own_user, subject: redis,
     until: 2027-01-31, owner: ops@example.org, because: upstream image}
"""


def problems_of(text: str, path: Path = Path("production.yml")) -> list[InventoryProblem]:
    with pytest.raises(InventoryError) as wrong:
        load_inventory(path, text)
    return list(wrong.value.problems)


def break_file(old: str, new: str) -> InventoryProblem:
    """The one problem of the good inventory after one change."""
    assert GOOD.count(old) == 1
    [problem] = problems_of(GOOD.replace(old, new))
    return problem


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_inventory_loads(path: Path) -> None:
    assert load_inventory(path).name == path.stem


def test_the_design_s_own_example_loads() -> None:
    inventory = load_inventory(Path("production.yml"), GOOD)
    assert list(inventory.nodes) == ["manager", "data", "vgpu"]
    assert inventory.nodes["data"].name == "data"
    assert inventory.nodes["data"].jump == "manager"
    assert isinstance(inventory.services, dict)
    assert inventory.services["rodan"] == Service(key="rodan", name="rodan_rodan-main", user=("django", "rodan"))
    assert inventory.services["postgres"].user == ("postgres",)
    assert inventory.waivers[0].until == date(2027, 1, 31)
    assert inventory.section(Policy).volume.budget == 60 * 2**30


def test_loading_production_takes_less_than_a_tenth_of_a_second() -> None:
    path = ROOT / "inventories" / "production.yml"
    load_inventory(path)
    began = time.perf_counter()
    load_inventory(path)
    assert time.perf_counter() - began < 0.1


def test_an_address_that_is_an_option_is_refused_with_file_and_line_case_1() -> None:
    problem = break_file("192.0.2.12", '"-oProxyCommand=touch /tmp/p"')
    assert (problem.file, problem.line, problem.path) == ("production.yml", 3, "nodes.data.address")


@pytest.mark.parametrize(
    "address",
    ["h;x", "$(x)", "a b", "`x`", "ops@host", "host:22", "[::1]:22", "[::1]", "-", "a\\nb", "a\\0b", "::zz", "a'b"],
)
def test_an_address_that_could_mean_something_else_is_refused_case_1(address: str) -> None:
    assert break_file("192.0.2.12", f'"{address}"').path == "nodes.data.address"


@pytest.mark.parametrize("address", ["web", "2001:db8::1", "::1", "fe80::1%eth0", "rodan2.example.org", "a_b-c"])
def test_names_and_both_kinds_of_ip_addresses_are_accepted(address: str) -> None:
    inventory = load_inventory(Path("x.yml"), GOOD.replace("192.0.2.12", f'"{address}"'))
    assert inventory.nodes["data"].address == address


@pytest.mark.parametrize(
    "name", ["x; touch /tmp/p", "$(touch /tmp/p)", "a\\nb", "a\\0b", "-v", "a//b", "..", "", "a b", "é"]
)
@pytest.mark.parametrize(
    ("old", "path"),
    [
        ("rodan_postgres", "services.postgres.name"),
        ("rodan_pg_backup", "backups.volume.name"),
        ("www-data", "services.nginx.user"),
        ("ops,", "nodes.manager.user"),
    ],
)
def test_names_with_a_meaning_to_a_shell_are_refused_case_2(old: str, path: str, name: str) -> None:
    assert break_file(old, f'"{name}"' + ("," if old.endswith(",") else "")).path == path


def test_a_node_or_service_key_is_a_name_too_case_2() -> None:
    assert break_file("  vgpu: ", '  "x; touch /tmp/p": ').path == 'nodes."x; touch /tmp/p"'
    assert break_file("  rodan: ", '  "$(x)": ').path == 'services."$(x)"'


def test_control_characters_are_never_shown_as_they_are_case_73() -> None:
    assert "\x1b" not in str(break_file("192.0.2.12", '"\\e[31mred"'))


@pytest.mark.parametrize(
    ("connection", "accepted"),
    [
        ("local", True),
        ("docker://web", True),
        ("ansible://all?ansible_inventory=hosts", True),
        ("ssh://host", False),
        ("paramiko://host", False),
        ("fleet://other", False),
        ("ssh://-oProxyCommand=x", False),
        ("docker://-x", False),
        ("docker://a;b", False),
        ("telnet", False),
    ],
)
def test_a_connection_is_ours_or_one_of_testinfra_s_that_verifies_keys(connection: str, accepted: bool) -> None:
    text = GOOD.replace("address: 192.0.2.12", f'connection: "{connection}"')
    if accepted:
        assert load_inventory(Path("x.yml"), text).nodes["data"].connection == connection
    else:
        assert [problem.path for problem in problems_of(text)] == ["nodes.data.connection"]


def test_a_node_without_address_is_told_what_to_say() -> None:
    problem = break_file("address: 192.0.2.12, ", "")
    assert (problem.path, problem.what) == ("nodes.data.address", "an address is missing")


@pytest.mark.parametrize("text", ["", "nodes: {}\n", "- a\n", "hello\n", "nodes:\n"])
def test_an_inventory_without_nodes_is_an_error_case_4(text: str) -> None:
    assert problems_of(text)


def test_no_nodes_are_told_at_their_line_case_4() -> None:
    text = "nodes: {}\nservices: {none: x}\nbackups: {none: x}\ncertificates: {none: x}\n"
    [problem] = problems_of(text)
    assert (problem.line, problem.path) == (1, "nodes")


def test_a_duplicate_node_names_both_lines_case_5() -> None:
    [problem] = problems_of(GOOD.replace("  vgpu: ", "  data: "))
    assert (problem.line, problem.path) == (4, "nodes.data")
    assert "first on line 3" in problem.what


def test_a_duplicate_section_names_both_lines_case_5() -> None:
    [problem] = problems_of(GOOD + "services: {none: really}\n")
    assert "first on line 5" in problem.what


@pytest.mark.parametrize(
    ("written", "hint"), [("22:22", "base 60"), ("010", "leading zeros"), ("on", "true"), ('"22"', ""), ("22.5", "")]
)
def test_a_port_is_a_number_and_nothing_else_case_6(written: str, hint: str) -> None:
    problem = break_file("address: 192.0.2.12", f"address: 192.0.2.12, port: {written}")
    assert problem.path == "nodes.data.port"
    assert hint in problem.hint


@pytest.mark.parametrize("port", ["0", "65536", "-1"])
def test_a_port_is_within_bounds(port: str) -> None:
    assert break_file("address: 192.0.2.12", f"address: 192.0.2.12, port: {port}").path == "nodes.data.port"


@pytest.mark.parametrize("written", ["on", "yes", "1", '"true"', "True", "Audit", "[audit]"])
def test_only_true_and_false_are_booleans_case_6(written: str) -> None:
    assert break_file("sudo: true", f"sudo: {written}").path == "nodes.manager.sudo"


def test_what_is_no_yaml_of_ours_is_told_with_file_and_line_case_7() -> None:
    [problem] = problems_of(GOOD.replace("  data: ", "\tdata: "))
    assert str(problem).startswith("production.yml:3: not YAML")
    assert "tabs" in problem.hint


@pytest.mark.parametrize("written", ['"50,5 GB"', "50 GBB", "-1h", "3M", "0", "60", "60 gib"])
def test_a_size_that_is_none_is_refused_with_the_grammar_case_8(written: str) -> None:
    problem = break_file("60 GiB", written)
    assert problem.path == "backups.volume.budget"
    assert "`60 GiB`" in problem.hint


SECRETS = [
    ("command: backup", "command: PGPASSWORD=hunter2secret backup", "hunter2secret"),
    ("command: backup", "command: backup postgres://rodan:hunter2secret@db/rodan", "hunter2secret"),
    ("command: backup", "command: backup\n  password: hunter2secret", "hunter2secret"),
    ("command: backup", "command: backup\n  api_key: 8675309", "8675309"),
    ("command: backup", "command: backup # ghp_0123456789abcdefABCDEF0123456789", "ghp_0123456789"),
    ("upstream image", "the token is pX7vT2kQ9aLmZ4rB8sNd", "pX7vT2kQ9aLmZ4rB8sNd"),
    ("upstream image", "deadbeefdeadbeefdeadbeefdeadbeef", "deadbeef"),
    ("backup\n", 'backup "-----BEGIN RSA PRIVATE KEY-----\\nMIIEow" \n', "MIIEow"),
]


@pytest.mark.parametrize(("old", "new", "value"), SECRETS, ids=range(len(SECRETS)))
def test_a_secret_is_refused_and_never_shown_case_9(old: str, new: str, value: str) -> None:
    with pytest.raises(InventoryError) as wrong:
        load_inventory(Path("x.yml"), GOOD.replace(old, new, 1))
    assert value not in str(wrong.value)
    assert value not in repr(wrong.value)


def test_a_secret_is_not_shown_by_another_complaint_either_case_9() -> None:
    token = "ghp_0123456789abcdefABCDEF0123456789"
    text = problems_of(GOOD.replace("192.0.2.12", f'"{token};"'))
    assert {problem.path for problem in text} == {"nodes.data.address"}
    assert len(text) == 2
    assert not [problem for problem in text if token in str(problem)]


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    text = (
        GOOD.replace("sudo: true", "sudo: 1").replace("user: postgres", "usr: postgres").replace("2027-01-31", "soon")
    )
    assert [(problem.line, problem.path) for problem in problems_of(text)] == [
        (2, "nodes.manager.sudo"),
        (6, "services.postgres.usr"),
        (21, "waivers[0].until"),
    ]


def test_a_problem_reads_as_the_design_says() -> None:
    problem = break_file("[gpu]", "[postgress]")
    assert str(problem).startswith('production.yml:4: nodes.vgpu.roles: no role "postgress"\n  hint: known roles are')


@pytest.mark.parametrize(
    ("old", "new", "meant"),
    [
        ("address: 192.0.2.12", "adress: 192.0.2.12, address: a", "address"),
        ("jump: manager, roles: [storage]", "jump: managr", "manager"),
        ("service: postgres", "service: postgress", "postgres"),
        ("node: data", "node: dta", "data"),
        ("at_least: 3", "at_leat: 3", "at_least"),
        ("daily: 14", "dayly: 14", "daily"),
        ("waivers:", "waiver:", "waivers"),
        ("roles: [gpu]", "roles: [gpus]", "gpu"),
        (
            "rule: containers.run_as_their_own_user",
            "rule: containers.run_as_their_own_usr",
            "containers.run_as_their_own_user",
        ),
        ("subject: redis", "node: vgp", "vgpu"),
    ],
)
def test_the_nearest_name_is_the_hint_case_3(old: str, new: str, meant: str) -> None:
    assert f'did you mean "{meant}"?' in break_file(old, new).hint


@pytest.mark.parametrize("section", ["services", "backups", "certificates", "nodes"])
def test_a_section_that_is_left_out_without_a_word_is_an_error(section: str) -> None:
    parts = GOOD[: GOOD.index("waivers:")].replace("\n", "\r").replace("\r  ", "\n  ").split("\r")
    text = problems_of("\n".join(part for part in parts if not part.startswith(section)))
    assert (section, "missing") in [(problem.path, problem.what) for problem in text]


def test_a_section_that_says_why_it_is_left_out_is_not_applicable() -> None:
    text = GOOD[: GOOD.index("backups:")] + "backups: {none: no database here}\ncertificates: {none: campus proxy}\n"
    inventory = load_inventory(Path("x.yml"), text)
    with pytest.raises(NotApplicable, match="no database here"):
        inventory.section(Policy)


@pytest.mark.parametrize("why", ['""', '"  "', "~", "true"])
def test_leaving_out_needs_words(why: str) -> None:
    text = GOOD[: GOOD.index("certificates:")] + f"certificates: {{none: {why}}}\n"
    assert [problem.path for problem in problems_of(text)] == ["certificates.none"]


def test_jumps_in_a_circle_are_refused() -> None:
    text = GOOD.replace("rodan2.example.org, user", "a, jump: vgpu, user")
    [problem] = problems_of(text)
    assert "manager → vgpu → manager" in problem.what


def test_a_jump_host_that_is_no_node_names_its_account() -> None:
    text = GOOD.replace("jump: manager, roles: [storage]", "jump: ops@bastion.example.org")
    assert load_inventory(Path("x.yml"), text).nodes["data"].jump == "ops@bastion.example.org"
    assert break_file("jump: manager, roles: [storage]", 'jump: "ops@-oProxyCommand=x"').path == "nodes.data.jump"


def test_two_nodes_that_are_one_machine_are_refused() -> None:
    assert break_file("192.0.2.13", "192.0.2.12").what == 'this is the same machine as "data"'


def test_a_bad_date_is_told_with_file_and_line_case_75() -> None:
    for written in ("2027-02-30", "soon", "2027-1-31", "20270131", "1800000000", "2027-01-31T00:00:00", "~"):
        problem = break_file("2027-01-31", written)
        assert (problem.file, problem.line, problem.path) == ("production.yml", 21, "waivers[0].until")


@pytest.mark.parametrize("part", ["owner: ops@example.org", "because: upstream image", "until: 2027-01-31"])
def test_a_waiver_has_an_owner_a_reason_and_an_end(part: str) -> None:
    key = part.partition(":")[0]
    assert break_file(f"{part}", f"{key}: ''").path == f"waivers[0].{key}"
    assert break_file(part, "node: '*'").path == f"waivers[0].{key}"


def test_a_waiver_of_everything_is_refused() -> None:
    assert "every finding" in break_file("rule: containers.run_as_their_own_user, subject: redis", "rule: '*'").what


def test_a_waiver_covers_by_glob() -> None:
    waiver = Waiver(rule="containers.*", subject="re*", until=date(2027, 1, 31), owner="me", because="x")
    finding = Finding("saw", "want", rule="containers.run_as_their_own_user", subject="redis", node="vgpu")
    assert waiver_covers(waiver, finding)
    assert not waiver_covers(Waiver(rule="backups.*", until=date(2027, 1, 31), owner="me", because="x"), finding)


def test_own_roles_are_words_of_the_inventory() -> None:
    text = GOOD.replace("roles: [gpu]", "roles: [scanner]") + "roles: {scanner: feeds the page scanner}\n"
    assert load_inventory(Path("x.yml"), text).nodes["vgpu"].roles == ("scanner",)


def test_paths_are_seen_from_the_inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ops")
    text = GOOD.replace("jump: manager, roles: [gpu]", "identity: ~/.ssh/id_lab") + "known_hosts: ../keys\n"
    inventory = load_inventory(tmp_path / "inventories" / "x.yml", text)
    assert inventory.nodes["vgpu"].identity == "/home/ops/.ssh/id_lab"
    assert inventory.known_hosts == str(tmp_path / "inventories/../keys")


@pytest.mark.parametrize("key", ["name", "path", "custom_topics", "sections"])
def test_what_the_loader_fills_in_is_no_key_of_the_file(key: str) -> None:
    [problem] = problems_of(GOOD + f"{key}: {{}}\n")
    assert (problem.path, problem.what) == (key, "unknown key")


def test_a_node_has_no_other_name_than_its_key() -> None:
    assert "remove `name:`" in break_file("address: 192.0.2.12", "address: 192.0.2.12, name: other").hint


def test_numbers_are_quoted_to_be_text() -> None:
    assert "quotes" in break_file("user: postgres", "user: 999").hint
    services = load_inventory(Path("x.yml"), GOOD.replace("user: postgres", 'user: "999"')).services
    assert isinstance(services, dict)
    assert services["postgres"].user == ("999",)


def test_a_file_that_is_not_there_is_an_inventory_error(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="No such file"):
        load_inventory(tmp_path / "nowhere.yml")


@given(
    st.integers(0, len(GOOD) - 1),
    st.integers(0, 40),
    st.sampled_from(["", "x", "\t", "{", "]", ": ", "'", "~", "\n", "- "]),
)
def test_any_damage_is_an_inventory_or_an_inventory_error(start: int, length: int, filling: str) -> None:
    damaged = GOOD[:start] + filling + GOOD[start + length :]
    try:
        assert load_inventory(Path("x.yml"), damaged).nodes
    except InventoryError as wrong:
        assert all(problem.line >= 1 and problem.what for problem in wrong.problems)  # noqa: PT017


def test_the_schema_for_editors_knows_the_sections_and_no_internals() -> None:
    sections = inventory_schema(TOPICS.values())["properties"]
    assert {"nodes", "services", "backups", "certificates", "waivers"} <= set(sections)
    assert not {"name", "path", "custom_topics", "sections"} & set(sections)


def test_find_and_available_are_part_of_the_interface() -> None:
    assert find_inventory("production") == available_inventories()["production"]


PLACES = sorted(read_document(GOOD.encode()).lines, key=str)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**6)
    | st.floats(0, 9).map(lambda x: round(x, 3))
    | st.sampled_from(["", "x", "*", "-"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["none", "name", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.sampled_from(PLACES), ANYTHING)
def test_anything_in_any_place_is_an_inventory_or_told_at_that_line(
    place: tuple[str | int, ...], value: object
) -> None:
    data = read_document(GOOD.encode()).data
    if not place:
        data = value
    else:
        above = data
        for part in place[:-1]:
            above = above[part]
        above[place[-1]] = value
    try:
        load_inventory(Path("x.yml"), json.dumps(data, indent=1))
    except InventoryError as wrong:
        assert all(problem.what and "asked" not in problem.path for problem in wrong.problems)  # noqa: PT017


@pytest.mark.parametrize("zone", ["America/Torronto", "../../etc/passwd", "EST5", ""])
def test_a_time_zone_is_one_of_the_database(zone: str) -> None:
    assert break_file("America/Toronto", f'"{zone}"').path == "backups.timezone"


def test_the_nearest_time_zone_is_the_hint() -> None:
    assert 'did you mean "America/Toronto"?' in break_file("America/Toronto", "America/Torronto").hint
