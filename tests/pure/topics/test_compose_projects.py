"""Projects of Compose: an unchanged one is equal, each difference is named, and what proves nothing is unknown."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from fleetkeeper.inventory.problems import InventoryError
from fleetkeeper.inventory.survey_results import Findings, FoundProject
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject
from fleetkeeper.looking.recording import dump_recording, load_recording
from fleetkeeper.readers.compose.document import read_compose
from fleetkeeper.readers.docker.labels import COMPOSE_DIRECTORY, COMPOSE_HASH, COMPOSE_ONEOFF, COMPOSE_VERSION
from fleetkeeper.topics.containers.facts import Container, Mount, Port
from fleetkeeper.topics.registry import RULES, TOPICS, load_inventory, observers_in
from fleetkeeper.topics.services.compose.file_problems import project_problems
from fleetkeeper.topics.services.compose.service_hash import hash_of, hash_with_ids, hashed_texts
from fleetkeeper.topics.services.compose.settings import (
    declared_settings,
    different_settings,
    running_settings,
    unsettled_settings,
)
from fleetkeeper.topics.services.policy import init_lines
from fleetkeeper.topics.services.rules.drift import notes
from fleetkeeper.transport.commands import Unobservable
from tests.helpers.compose_project import (
    INVENTORY,
    VERSIONS,
    captured_containers,
    captured_project,
    changed_declaration,
    project_fleet,
    variables_of_container,
)

DEPLOYED, SOUND = RULES["services.are_deployed_as_declared"], RULES["services.have_sound_stack_files"]
UNSEEN = Unobservable("no route to host")


def project_verdict(*args: object, **kwargs: object) -> Verdict:
    return judge_subject(DEPLOYED, project_fleet(*args, **kwargs), Subject("stack", "shop"))  # type: ignore[arg-type]


def sights_of(verdict: Verdict) -> list[str]:
    return [finding.saw for finding in verdict.findings]


def with_settings(name: str, **changed: object) -> Iterable[Container]:
    """The captured containers, those of one service with other fields."""
    return [
        replace(each, **changed) if each.service == name else each  # type: ignore[arg-type]
        for each in captured_containers()
    ]


def with_labels(name: str, **labels: str) -> Iterable[Container]:
    """The captured containers, those of one service with other labels of Compose."""
    return [
        replace(each, labels={**(each.labels or {}), **labels}) if each.service == name else each
        for each in captured_containers()
    ]


@pytest.mark.parametrize("here", VERSIONS)
@pytest.mark.parametrize("starter", VERSIONS)
def test_case_90_an_unchanged_project_is_equal_whatever_version_started_it(here: str, starter: str) -> None:
    """Also a service that shares the processes of another, one with `depends_on`, and one of a profile."""
    verdict = project_verdict(captured_project(here), captured_containers(starter))
    assert (verdict.findings, verdict.unknown, verdict.outcome) == ((), (), Outcome.HOLDS)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("image", "box:2", "web has image box:1"),
        ("user", "1000", "web has user 0:0"),
        ("restart", "always", "web has restart unless-stopped"),
        ("mount /data", "bind /srv/other", "web has mount /data bind /srv/shop/data, read-only"),
        ("mount /new", "volume shop_new", "web has no mount /new"),
        ("port 80/tcp", "8080", "web has no port 80/tcp"),
        ("health check", "none", "web has health check one"),
        ("privileged", "yes", "web has privileged no"),
        ("dropped capabilities", "none", "web has dropped capabilities NET_RAW"),
    ],
)
def test_case_90_a_setting_that_differs_is_named_with_its_line(field: str, value: str, expected: str) -> None:
    web = next(each for each in captured_project().services if each.name == "web")  # type: ignore[union-attr]
    verdict = project_verdict(changed_declaration("web", fields={**web.fields, field: value}))
    assert sights_of(verdict) == [expected]
    assert verdict.findings[0].want == f"{field} {value} (compose.yaml:{web.lines.get(field, 2)})"


def test_what_is_only_in_the_hash_is_a_finding_without_a_name() -> None:
    assert sights_of(project_verdict(changed_declaration("web"))) == [
        "web has other settings than the file: variables, command, labels, limits or networks"
    ]


VALUES = {"PASSWORD": "lab-only-password", "TAG": "1.2", "PLAIN": 'a "b" <c> $d', "PATH": "/bin"}
IN_SECOND = "web has other settings than the file: command, labels, limits or networks"


@pytest.mark.parametrize(
    ("changed", "expected", "line"),
    [
        ({}, IN_SECOND, "2)"),
        ({"http_proxy": "http://x", "NO_PROXY": "x"}, IN_SECOND, "2)"),
        ({"PASSWORD": "another-word"}, "web: PASSWORD has another value", "6"),
        ({"PASSWORD": ""}, "web: PASSWORD has another value", "6"),
        ({"PLAIN": 'a "b" <c> $$d', "TAG": None}, "web: PLAIN has another value, TAG is missing", "7"),
        ({"NEW": "x", "ALSO\n": ""}, "web: ALSO\\n is not in the file, NEW is not in the file", "2"),
        ({"PATH": "/sbin"}, "web: PATH is not in the file", "2"),
    ],
)
def test_case_90_variables_that_differ_are_named_and_those_of_the_image_are_not(
    changed: dict[str, str | None], expected: str, line: str
) -> None:
    values = {name: value for name, value in {**VALUES, **changed}.items() if value is not None}
    variables = variables_of_container("web", values, image=() if "PATH" in changed else ("PATH",))
    verdict = project_verdict(changed_declaration("web"), variables=variables)
    assert sights_of(verdict) == [expected]
    assert verdict.findings[0].want.endswith(f"compose.yaml:{line}")
    assert not [value for value in values.values() if len(value) > 4 and value in repr(verdict)]


def test_a_variable_of_an_image_that_is_gone_is_no_finding_and_one_that_may_be_of_it_is_not_excluded() -> None:
    of_nothing = variables_of_container("web", {**VALUES, "NEW": "x"}, perhaps=(*VALUES, "NEW"))
    anything = "web has other settings than the file: variables, command, labels, limits or networks"
    assert sights_of(project_verdict(changed_declaration("web"), variables=of_nothing)) == [anything]
    of_image = variables_of_container("web", VALUES, image=("PATH", "TAG"))
    assert sights_of(project_verdict(changed_declaration("web"), variables=of_image)) == [anything]
    assert sights_of(project_verdict(changed_declaration("web"), variables=UNSEEN)) == [anything]


def test_variables_that_depend_on_what_is_not_here_are_not_compared() -> None:
    web = next(each for each in captured_project().services if each.name == "web")  # type: ignore[union-attr]
    open_one = replace(web.variables, unsettled=("PASSWORD", "NEW"), more=False)
    variables = variables_of_container("web", {**VALUES, "PASSWORD": "x", "NEW": "y", "TAG": "9"}, image=("PATH",))
    project = changed_declaration("web", variables=open_one, doubts=("variables",))
    assert sights_of(project_verdict(project, variables=variables)) == ["web: TAG has another value"]
    incomplete = changed_declaration("web", variables=replace(web.variables, more=True), doubts=("env file",))
    variables = variables_of_container("web", {**VALUES, "NEW": "y"})
    assert project_verdict(incomplete, variables=variables).outcome is Outcome.HOLDS


def test_variables_are_named_whatever_version_made_the_container() -> None:
    containers = with_labels("web", **{COMPOSE_HASH: "x", COMPOSE_VERSION: "1.29.2"})
    variables = variables_of_container("web", {**VALUES, "TAG": "9"}, image=("PATH",))
    assert sights_of(project_verdict(None, containers, variables=variables)) == ["web: TAG has another value"]


def test_a_recording_holds_names_of_variables_and_their_values_are_unknown() -> None:
    for changed, seen, unknown in [
        ({"TAG": "9"}, [], ["values not compared: of web"]),
        ({"NEW": ""}, ["web: NEW is not in the file"], []),
    ]:
        variables = variables_of_container("web", {**VALUES, **changed}, image=("PATH",))
        fleet = project_fleet(changed_declaration("web"), None, variables=variables)
        recorded = dump_recording(fleet)
        assert "lab-only-password" not in recorded
        assert not [digest for each in variables for digest in (each.digests or {}).values() if digest in recorded]
        replayed = load_recording(recorded, fleet.inventory, observers_in(TOPICS))
        verdict = judge_subject(DEPLOYED, replayed, Subject("stack", "shop"))
        assert (sights_of(verdict), [why.why for why in verdict.unknown if "near" not in why.why]) == (seen, unknown)
        shipped = load_recording(dump_recording(fleet, in_memory=True), fleet.inventory, observers_in(TOPICS))
        assert sights_of(judge_subject(DEPLOYED, shipped, Subject("stack", "shop")))


def test_a_volume_that_the_file_lost_is_named_and_an_anonymous_one_is_not() -> None:
    web = next(each for each in captured_project().services if each.name == "web")  # type: ignore[union-attr]
    fields = {name: value for name, value in web.fields.items() if name != "mount /kept"}
    anonymous = Mount("volume", "", "/cache", "f" * 64)
    containers = with_settings("web", mounts=(*captured_containers()[-1].mounts, anonymous))
    assert sights_of(project_verdict(changed_declaration("web", fields=fields), containers)) == [
        "web has mount /kept volume shop_kept"
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"state": "exited", "exit_code": 137}, "is exited, with exit status 137"),
        ({"state": "exited"}, "is exited, with exit status 0"),
        ({"state": "created"}, "is created"),
        ({"state": "paused"}, "is paused"),
        ({"state": "restarting"}, "is restarting"),
    ],
)
def test_a_container_that_does_not_run_is_a_finding(changed: dict[str, object], expected: str) -> None:
    assert sights_of(project_verdict(None, with_settings("web", **changed))) == [f"shop-web-1 of web {expected}"]


def test_a_job_that_has_ended_well_is_none_and_one_that_failed_is_a_finding() -> None:
    assert project_verdict().outcome is Outcome.HOLDS
    assert "exit status 1" in sights_of(project_verdict(None, with_settings("job", exit_code=1)))[0]


def test_missing_containers_and_services_are_findings() -> None:
    containers = captured_containers()
    assert sights_of(project_verdict(None, [each for each in containers if each.service != "job"])) == [
        "job is in compose.yaml and has no container"
    ]
    assert sights_of(project_verdict(None, [each for each in containers if each.name != "shop-pair-2"])) == [
        "pair has 1 container"
    ]
    fewer = tuple(each for each in captured_project().services if each.name != "job")  # type: ignore[union-attr]
    assert sights_of(project_verdict(captured_project(services=fewer))) == [
        "job runs in the project and is not in compose.yaml"
    ]
    assert sights_of(project_verdict(None, [])) == ["no container of shop is on web"]


def test_a_container_of_docker_compose_run_is_a_person_s_own() -> None:
    run = replace(captured_containers()[-1], id="9", name="shop-web-run-1", labels={
        **(captured_containers()[-1].labels or {}), COMPOSE_ONEOFF: "True", COMPOSE_HASH: "x",
    })  # fmt: skip
    assert project_verdict(None, [*captured_containers(), run]).outcome is Outcome.HOLDS


def test_a_restart_policy_that_a_person_changed_is_named_though_the_hash_is_the_same() -> None:
    assert sights_of(project_verdict(None, with_settings("web", restart="no"))) == ["web has restart no"]
    assert project_verdict(None, with_settings("web", restart="")).outcome is Outcome.HOLDS


def test_a_service_that_shares_with_a_container_which_is_no_more_is_not_equal() -> None:
    verdict = project_verdict(None, with_settings("web", id="0" * 64))
    assert (verdict.findings, verdict.outcome) == ((), Outcome.UNKNOWN)
    assert "near depends on the container of another service" in verdict.unknown[0].why


# What proves nothing


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({COMPOSE_HASH: "x", COMPOSE_VERSION: "2.20.3"}, "web was made by Compose 2.20.3, and here is 2.26.1"),
        ({COMPOSE_HASH: "x", COMPOSE_VERSION: "1.29.2"}, "web was made by Compose 1.29.2"),
        ({COMPOSE_HASH: "x", COMPOSE_DIRECTORY: "/opt/shop"}, "web was started in /opt/shop"),
        ({COMPOSE_HASH: ""}, "shop-web-1 has no hash of Compose"),
    ],
)
def test_a_hash_that_proves_nothing_is_unknown(labels: dict[str, str], expected: str) -> None:
    verdict = project_verdict(None, with_labels("web", **labels))
    assert (verdict.findings, verdict.outcome) == ((), Outcome.UNKNOWN)
    assert verdict.unknown[0].why.startswith(expected)


def test_a_setting_that_is_seen_to_differ_is_a_finding_whatever_version_made_the_hash() -> None:
    containers = [replace(each, image="box:9") if each.service == "web" else each
                  for each in with_labels("web", **{COMPOSE_HASH: "x", COMPOSE_VERSION: "1.29.2"})]  # fmt: skip
    assert sights_of(project_verdict(None, containers)) == ["web has image box:9"]


def test_what_is_not_on_this_machine_is_not_compared_and_noted() -> None:
    project = replace(changed_declaration("web", doubts=("variables",), unsettled=("image",)), unset=("TAG",))
    containers = with_settings("web", image="box:9")
    assert project_verdict(project, containers).outcome is Outcome.HOLDS
    expected = "project shop: what comes from ${TAG} was not compared: it is not here"
    assert list(notes(project_fleet(project, containers))) == [expected]
    assert project_verdict(changed_declaration("web", doubts=("env file",))).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    "seen",
    [(UNSEEN, None), (None, UNSEEN), (captured_project(services=UNSEEN), None), (captured_project(name="x"), None)],
)
def test_what_was_not_seen_is_unknown(seen: tuple[object, object]) -> None:
    verdict = project_verdict(*seen)
    assert (verdict.findings, verdict.outcome) == ((), Outcome.UNKNOWN)


def test_a_recording_holds_no_hash_and_no_value_and_says_the_same() -> None:
    fleet = project_fleet()
    recorded = dump_recording(fleet)
    raw = json.loads((Path(__file__).parents[2] / "fixtures" / "compose" / "containers-2.26.1.json").read_text())
    assert not [each for each in raw if each["Config"]["Labels"][COMPOSE_HASH] in recorded]
    assert "lab-only-password" not in dump_recording(fleet, in_memory=True)
    replayed = load_recording(recorded, fleet.inventory, observers_in(TOPICS))
    verdict = judge_subject(DEPLOYED, replayed, Subject("stack", "shop"))
    assert [why.why for why in verdict.unknown] == [
        "near depends on the container of another service: not all of its settings can be compared"
    ]
    shipped = load_recording(dump_recording(fleet, in_memory=True), fleet.inventory, observers_in(TOPICS))
    assert judge_subject(DEPLOYED, shipped, Subject("stack", "shop")).outcome is Outcome.HOLDS


# Settings in words


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({"ports": [{"target": 80, "published": "8000-8010"}]}, {"port 80/tcp": "one that Docker chooses"}),
        ({"ports": [{"target": 80}]}, {"port 80/tcp": "one that Docker chooses"}),
        ({"ports": [{"target": 80, "published": "1"}], "network_mode": "host"}, {"network mode": "host"}),
        ({"ports": [{"target": 53, "published": "53", "protocol": "udp"}]}, {"port 53/udp": "53"}),
        ({"volumes": [{"type": "volume", "source": "v", "target": "/v"}]}, {"mount /v": "volume named"}),
        ({"volumes": [{"type": "bind", "source": "../x", "target": "/v"}]}, {"mount /v": "bind /srv/x"}),
        ({"volumes": [{"type": "bind", "source": "~/x", "target": "/v"}, {"type": "tmpfs", "target": "/t"}]}, {}),
        ({"network_mode": "service:vpn"}, {}),
        ({"deploy": {"restart_policy": {"condition": "any"}}}, {"restart": "always"}),
        ({"deploy": {"restart_policy": {"condition": "on-failure", "max_attempts": 3}}}, {"restart": "on-failure:3"}),
        ({"restart": "always", "deploy": {"restart_policy": {"delay": "5s"}}}, {}),
        ({"deploy": {"restart_policy": {"condition": "any", "max_attempts": 3}}}, {"restart": "always"}),
        ({"restart": "on-failure:0"}, {"restart": "on-failure"}),
        ({"volumes": [{"type": "volume", "source": "v", "target": "/v/"}]}, {"mount /v": "volume named"}),
        ({"cap_add": ["sys_admin", "CAP_CHOWN"]}, {"added capabilities": "CHOWN, SYS_ADMIN"}),
    ],
)
def test_settings_of_a_service_in_words(service: dict[str, object], expected: dict[str, str]) -> None:
    plain = declared_settings({}, {}, "/srv/shop")
    settings = declared_settings(service, {"volumes": {"v": {"name": "named"}}}, "/srv/shop")
    assert {name: value for name, value in settings.items() if plain.get(name) != value} == expected


def test_ports_of_both_families_and_chosen_ports_are_equal() -> None:
    container = Container("1", "x", ports=(Port(80, "tcp", "0.0.0.0", 8080), Port(80, "tcp", "::", 8080), Port(9)))
    running = running_settings(container)
    assert (running["port 80/tcp"], "port 9/tcp" in running) == ("8080", False)
    assert different_settings({"port 80/tcp": "one that Docker chooses"}, running, ()) == []
    assert different_settings({}, running, ()) == ["port 80/tcp"]


def test_a_port_of_another_number_may_be_the_one_that_a_variable_gives() -> None:
    unsettled = list(
        unsettled_settings({"port 20001/tcp": "1", "mount /a": "x"}, {"port 40002/tcp": "1", "mount /a": "y"})
    )
    assert unsettled == ["port 20001/tcp", "mount /a", "port 40002/tcp", "port "]
    running = {"port 80/tcp": "80", "mount /new": "volume v"}
    assert different_settings({"port 20001/tcp": "1"}, running, unsettled) == ["mount /new"]


def test_the_hash_of_a_service_is_made_in_each_way_of_the_versions() -> None:
    service = {
        "image": "a",
        "depends_on": {"b": {}},
        "profiles": ["p"],
        "environment": {"A": None, "B": "$$x<"},
        "build": {},
        "deploy": {"replicas": 2, "placement": {}},
        "volumes_from": ["b:ro", "container:c"],
    }
    texts = hashed_texts(service)
    assert len(texts) == 6
    assert texts[0] == (
        '{"image":"a","environment":{"A":null,"B":"$x\\u003c"},"deploy":{"placement":{}},'
        '"volumes_from":["b:ro","container:c"]}'
    )
    assert hash_with_ids(texts[0], {"b": "4f"}) == hash_of(texts[0].replace("b:ro", "4f").replace("container:c", "c"))
    assert hash_with_ids(texts[0], {}) == ""


# The file itself


def project_problems_in(text: str, *variables: str) -> list[str]:
    problems = project_problems(read_compose(text.encode()), variables)
    return [f"{problem.line} {problem.severity}: {problem.what}" for problem in problems]


def test_case_90_what_compose_honours_is_no_problem() -> None:
    text = (
        "services:\n  web:\n    build: .\n    image: a:1\n    privileged: true\n    depends_on: [db]\n"
        "    volumes: ['${PWD}/x:/x']\n    environment: {A: '${TAG}'}\n  db: {image: 'b:2', devices: [/dev/null]}\n"
    )
    assert project_problems_in(text, "TAG") == []
    assert project_problems_in(text) == ["8 error: ${TAG} is not set and becomes empty"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deploy: {placement: {constraints: [a]}}", "2 warning: `deploy.placement` is for a swarm: Compose passes"),
        ("deploy: {mode: global}", "2 warning: `deploy.mode: global` is for a swarm"),
        ("image: redis:alpine", "2 warning: the tag of redis:alpine moves"),
        ('healthcheck: {test: ["CMD-SHELL", "a", "b"]}', "2 error: CMD-SHELL takes one text"),
        ("secrets: [{source: key, mode: 0400}]", "2 error: `mode` of the secret key is passed over"),
        ("secrets: [out]", "3 error: the secret out is one of a swarm"),
    ],
)
def test_case_90_what_compose_passes_over_is_named_with_its_line(text: str, expected: str) -> None:
    secrets = "secrets: {key: {file: ./key}" + (", out: {external: true}}\n" if "out" in text else "}\n")
    [problem] = project_problems_in(f"services:\n  web: {{{text}}}\n{secrets}")
    assert problem.startswith(expected)


def test_the_rule_about_files_judges_a_project_as_one_of_compose() -> None:
    [problem] = project_problems(read_compose(b"services: {web: {image: redis:alpine}}"), ())
    fleet = project_fleet(captured_project(problems=(problem,)))
    [warning] = judge_subject(SOUND, fleet, Subject("stack", "shop")).warnings
    assert warning.saw.startswith("compose.yaml:1: the tag of redis:alpine moves")
    unread = project_fleet(captured_project(problems=UNSEEN))
    assert judge_subject(SOUND, unread, Subject("stack", "shop")).outcome is Outcome.UNKNOWN


# The inventory


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{kind: compose, file: a}", "a node is missing"),
        ("{file: a, node: web}", "is for `kind: compose`"),
        ("{file: a, directory: /srv}", "is for `kind: compose`"),
        ("{file: a, profiles: [x]}", "is for `kind: compose`"),
        ("{kind: compose, node: web, file: a, project: Shop}", "Shop"),
        ("{kind: compose, node: wbe, file: a}", "wbe"),
        ("{kind: other, file: a}", "kind"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(entry: str, expected: str) -> None:
    with pytest.raises(InventoryError) as refused:
        load_inventory(Path("mine.yml"), INVENTORY[: INVENTORY.index("stacks:")] + f"stacks: {{shop: {entry}}}\n")
    assert expected in str(refused.value)


def test_init_proposes_projects_by_their_labels() -> None:
    project = FoundProject("shop", "web", "/srv/shop", ("/srv/shop/compose.yaml", "/srv/shop/prod.yaml"))
    line = list(init_lines(Findings("mine", (), projects=(project,))))[1]
    assert line == (
        'stacks: {undecided: "shop was started on web from compose.yaml, prod.yaml in /srv/shop"}   # for example '
        '{shop: {kind: compose, node: web, file: "./compose.yaml", overrides: ["./prod.yaml"], directory: "/srv/shop"}}'
    )
    example = line.partition("# for example ")[2]
    assert load_inventory(Path("mine.yml"), INVENTORY[: INVENTORY.index("stacks:")] + f"stacks: {example}\n")
