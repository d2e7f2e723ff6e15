"""Stacks: an unchanged one is equal, each difference is named, and no value is kept."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_rules, judge_subject
from fleetkeeper.looking.fleet import HERE, Fleet
from fleetkeeper.looking.recording import dump_recording, load_recording
from fleetkeeper.readers.compose.document import read_compose
from fleetkeeper.readers.docker.labels import COMPOSE_DIRECTORY, COMPOSE_HASH, COMPOSE_SERVICE, COMPOSE_VERSION
from fleetkeeper.readers.run_digests import run_key, text_digest
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.registry import RULES, TOPICS, load_inventory, observers_in
from fleetkeeper.topics.services.compose.facts import DeclaredVariables
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Member, SwarmService
from fleetkeeper.topics.services.rules.drift import notes
from fleetkeeper.topics.services.stacks.declared import StackReading
from fleetkeeper.topics.services.stacks.deploy_variables import StackVariables
from fleetkeeper.topics.services.stacks.facts import DeclaredStack, Facts, StackService
from fleetkeeper.topics.services.stacks.field_names import ENV, IMAGE, REPLICAS, UPDATES, USER
from fleetkeeper.topics.services.stacks.file_problems import FileProblem, file_problems
from fleetkeeper.topics.services.stacks.node_problems import node_problems
from fleetkeeper.topics.services.stacks.parse import parse, parse_description
from fleetkeeper.topics.services.stacks.service_fields import comparable_fields
from fleetkeeper.topics.services.stacks.values import json_texts
from fleetkeeper.transport.commands import Output, Unobservable
from tests.helpers.compose_project import (
    captured_containers,
    changed_declaration,
    project_fleet,
    variables_of_container,
)

FIXTURES = Path(__file__).parents[2] / "fixtures" / "stacks"
DEPLOYED, SOUND = RULES["services.are_deployed_as_declared"], RULES["services.have_sound_stack_files"]
OLDER = """
nodes: {manager: {connection: local, sudo: true}}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
"""
ASKED = OLDER + "stacks: {t1: {file: stack.yml}}\n"
RUNNING = (FIXTURES / "engine-20.10.24.txt").read_text()
VALUES = (FIXTURES / "values-20.10.24.txt").read_bytes()
KEY = "1234"
FILE = "/srv/stack.yml"
UNSEEN = Unobservable("no route to host")
GONE = "gone"


def declared_by(version: str, *, key: str = KEY) -> tuple[StackService, ...]:
    """The services of the captured stack, as a version of Docker's client would write them."""
    specs = json.loads((FIXTURES / f"client-{version}.json").read_text())
    document = read_compose((FIXTURES / "stack.yml").read_bytes())
    reading = StackReading("t1", Path(FILE), document, StackVariables({}))
    return tuple(reading.declared_service(name, comparable_fields(spec, {}), key) for name, spec in specs.items())


def running() -> tuple[StackService, ...]:
    """The services of the captured stack, as the engine has them."""
    return parse(RUNNING, Output(0, VALUES), KEY).running


def service_of_stack(name: str) -> StackService:
    """A running service by its name."""
    return next(service for service in running() if service.name == name)


def changed_service(name: str, **fields: str | None) -> tuple[StackService, ...]:
    """The running services, one of them with other fields; GONE takes a field away."""
    services = {service.name: service for service in running()}
    service = services[name]
    values = {key: value for key, value in {**service.fields, **fields}.items() if value != GONE}
    return tuple(replace(each, fields=values) if each is service else each for each in services.values())


def look_once(
    declared: DeclaredStack | Unobservable | None = None,
    services: tuple[StackService, ...] | None = None,
    written: str = ASKED,
    seen: Facts | Unobservable | None = None,
    members: int = 2,
) -> Fleet:
    stack = declared or DeclaredStack("t1", FILE, declared_by("28.2.2"))
    at_node = seen or Facts("manager", running() if services is None else services)
    facts: dict[tuple[str, str], Any] = {
        ("manager", "stacks"): at_node,
        ("manager", "services"): Services("manager", "n1", tuple(Member(f"n{n}", f"h{n}") for n in range(members))),
        (HERE, "stacks"): stack if isinstance(stack, Unobservable) else Facts(declared=(stack,)),
    }
    return Fleet(load_inventory(Path("mine.yml"), written), datetime(2026, 11, 30, tzinfo=UTC), facts)


def strange() -> list[Container]:
    """Containers of the captured project with other labels, states and settings."""
    other = {COMPOSE_VERSION: "1.2", COMPOSE_HASH: "x", COMPOSE_DIRECTORY: "/x", COMPOSE_SERVICE: "more"}
    containers = list(captured_containers())
    stopped = replace(containers[0], state="exited", exit_code=1, restart="always", image="x")
    return [*containers[1:], stopped, replace(stopped, labels={**(stopped.labels or {}), **other})]


UNSETTLED = DeclaredVariables({"MODE": 7}, unsettled=("MODE",))


def looks() -> dict[str, Fleet]:
    """Looks for the tests that go over all topics."""
    problem = FileProblem("services.web.image", 3, "the tag of x moves", "name a version", file="/srv/prod.yml")
    odd = DeclaredStack("t1", FILE, declared_by("28.2.2"), (problem,), ("TAG",), ("/srv/x.env",))
    extra = replace(running()[0], name="t1_extra", lent=(USER,))
    doubted = {"unsettled": (IMAGE,), "more_variables": True, "relative": {"/x/conf": "conf"}}
    unsettled = tuple(replace(each, **doubted) for each in odd.services)  # type: ignore[union-attr, arg-type]
    return {
        "clean": look_once(),
        "odd": look_once(replace(odd, services=unsettled), (*running()[1:], extra)),
        "changed": look_once(odd, changed_service("t1_web", **{IMAGE: '"y:2"', USER: '"0"', ENV + "NEW": "x"})),
        "refused": look_once(replace(odd, services=UNSEEN, problems=UNSEEN)),
        "project": project_fleet(),
        "changed project": project_fleet(
            replace(
                changed_declaration("web", fields={"image": "x"}, digests=(), unsettled=("user",), variables=UNSETTLED),
                unset=("TAG",),
                missing=("/srv/x.env",),
                unread=("compose.yml:1",),
            ),
            strange(),
            variables=variables_of_container("web", {"MODE": "x", "PATH": "y", "HOME": "z"}, ("PATH",), ("HOME",)),
        ),
    }


def verdict_on(fleet: Fleet) -> Verdict:
    return judge_subject(DEPLOYED, fleet, Subject("stack", "t1"))


def saw(fleet: Fleet) -> list[str]:
    return [finding.saw for finding in verdict_on(fleet).findings]


@pytest.mark.parametrize("version", ["20.10.24", "28.2.2"])
def test_case_86_an_unchanged_stack_is_equal_whatever_client_deployed_it(version: str) -> None:
    verdict = verdict_on(look_once(DeclaredStack("t1", FILE, declared_by(version))))
    assert (verdict.findings, verdict.unknown, verdict.outcome) == ((), (), Outcome.HOLDS)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (IMAGE, '"box:2"', "t1_web has image box:2"),
        (REPLICAS, "3", "t1_web has replicas 3"),
        (USER, GONE, "t1_web has no user"),
        ("TaskTemplate.Placement.Constraints", '["node.role == worker"]', "t1_web has constraints node.role == worker"),
        ("TaskTemplate.Resources.Limits.MemoryBytes", "134217728", "t1_web has memory limit 128 MiB"),
        ("TaskTemplate.ContainerSpec.StopGracePeriod", "1000000000", "t1_web has stop grace period 1 s"),
        (UPDATES + "Order", '"start-first"', "t1_web has update_config order start-first"),
        ("TaskTemplate.ContainerSpec.Mounts./data.Source", '"other"', "t1_web has mount /data source other"),
        ("TaskTemplate.ContainerSpec.Secrets.sec.name", '"t1_sec_2"', "t1_web has secret sec name t1_sec_2"),
        ("EndpointSpec.Ports.tcp 1", '"x"', "t1_web has port tcp 1 x"),
        ("TaskTemplate.ContainerSpec.Command", None, "t1_web has entrypoint"),
        ("TaskTemplate.ContainerSpec.Sysctls.net.Core", None, "t1_web has sysctl net.Core"),
        ("Labels.Team.Name", None, "t1_web has label Team.Name"),
        ("TaskTemplate.Placement.MaxReplicas", "3", "t1_web has max_replicas_per_node 3"),
        (ENV + "HAND", "null", "t1_web: HAND is not in the file"),
        (ENV + "TAG", GONE, "t1_web: TAG is missing"),
    ],
)
def test_case_86_a_field_that_differs_is_named_as_a_person_would(path: str, value: str | None, expected: str) -> None:
    assert saw(look_once(services=changed_service("t1_web", **{path: value}))) == [expected]


MOUNT, SECRET = "TaskTemplate.ContainerSpec.Mounts./new.d", "TaskTemplate.ContainerSpec.Secrets.key.txt"


def test_a_mount_or_secret_of_one_side_alone_is_one_finding() -> None:
    mount = {f"{MOUNT}.Type": '"bind"', f"{MOUNT}.Source": '"/etc"', f"{MOUNT}.ReadOnly": "true"}
    secret = {f"{SECRET}.name": '"key"', f"{SECRET}.UID": '"0"', f"{SECRET}.GID": '"0"', f"{SECRET}.Mode": "256"}
    fleet = look_once(services=changed_service("t1_web", **mount, **secret))
    assert saw(fleet) == ["t1_web has mount /new.d (bind, /etc, read-only)", "t1_web has secret key.txt (key, 0400)"]
    assert [finding.want.partition(" (")[0] for finding in verdict_on(fleet).findings] == [
        "no mount /new.d",
        "no secret key.txt",
    ]
    gone = {
        path: GONE
        for path in service_of_stack("t1_web").fields
        if path.startswith("TaskTemplate.ContainerSpec.Mounts./data.")
    }
    [finding] = verdict_on(look_once(services=changed_service("t1_web", **gone))).findings
    assert finding.saw == "t1_web has no mount /data"
    assert finding.want.startswith("mount /data (")


def test_of_a_value_that_is_not_kept_the_place_in_the_file_is_what_is_wanted() -> None:
    path = "TaskTemplate.ContainerSpec.Args"
    web = service_of_stack("t1_web")
    other = replace(web, digests={**(web.digests or {}), path: ("another",)})
    [finding] = verdict_on(look_once(services=tuple(other if each == web else each for each in running()))).findings
    assert finding.saw == "t1_web has another command"
    assert re.fullmatch("the command of stack.yml:[0-9]+", finding.want)


def test_a_finding_names_the_line_of_the_file() -> None:
    [finding] = verdict_on(look_once(services=changed_service("t1_web", **{IMAGE: '"box:2"'}))).findings
    assert finding.want == "image box:1 (stack.yml:4)"
    assert finding.about == "t1_web image"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("", "`docker stack deploy -c stack.yml t1`, or write"),
        (", environment: [TAG]", "`docker stack deploy -c stack.yml t1` with TAG exported, or write"),
        (
            ", environment: [TAG], environment_files: [./a.env]",
            "`docker stack deploy -c stack.yml t1` with what a.env sets and TAG exported, or write",
        ),
    ],
)
def test_the_command_that_mends_it_says_which_variables_it_needs(entry: str, expected: str) -> None:
    written = OLDER + f"stacks: {{t1: {{file: stack.yml{entry}}}}}\n"
    services = changed_service("t1_web", **{IMAGE: '"box:2"'})
    for seen in (services, services[1:], ()):
        findings = verdict_on(look_once(services=seen, written=written)).findings
        assert [finding.hint.startswith(expected) for finding in findings] == [True] * len(findings) != []


def test_a_value_that_differs_is_named_and_not_shown() -> None:
    services = tuple(
        replace(each, digests={**(each.digests or {}), ENV + "TAG": ("0" * 64,)}) if each.name == "t1_web" else each
        for each in running()
    )
    assert saw(look_once(services=services)) == ["t1_web: TAG has another value"]


def test_services_that_only_one_side_has_are_findings() -> None:
    fewer, more = running()[1:], (*running(), replace(running()[0], name="t1_extra"))
    lacking = f"{running()[0].name} is in stack.yml, and the swarm has no such service of the stack t1"
    assert saw(look_once(services=fewer)) == [lacking]
    assert saw(look_once(services=more)) == ["t1_extra runs in the stack and is not in stack.yml"]
    assert saw(look_once(services=())) == ["no service of t1 is in a swarm of these nodes"]


def test_what_is_not_on_this_machine_is_not_compared_and_noted() -> None:
    services = tuple(replace(each, unsettled=(IMAGE,)) for each in declared_by("28.2.2"))
    stack = DeclaredStack("t1", FILE, services, unset=("TAG",))
    fleet = look_once(stack, changed_service("t1_web", **{IMAGE: '"box:2"'}))
    assert verdict_on(fleet).outcome is Outcome.HOLDS
    assert list(notes(fleet)) == ["stack t1: what comes from ${TAG} was not compared: it is not on this machine"]


def test_names_of_variables_are_compared_where_an_env_file_is_missing() -> None:
    services = tuple(replace(each, more_variables=True) for each in declared_by("28.2.2"))
    stack = DeclaredStack("t1", FILE, services, missing=("./x.env",))
    assert verdict_on(look_once(stack, changed_service("t1_web", **{ENV + "FROM_FILE": "x"}))).outcome is Outcome.HOLDS
    assert saw(look_once(stack, changed_service("t1_web", **{ENV + "TAG": GONE}))) == ["t1_web: TAG is missing"]


def test_a_path_beside_the_file_is_the_same_in_another_directory() -> None:
    source = "TaskTemplate.ContainerSpec.Mounts./d.Source"
    services = tuple(
        replace(each, fields={**each.fields, source: '"/home/ann/shop/conf"'}, relative={source: "/conf"})
        for each in declared_by("28.2.2")
        if each.name == "t1_web"
    )
    stack = DeclaredStack("t1", FILE, services)
    for path, same in (("/srv/shop/conf", True), ("/conf", True), ("/srv/shop/conf2", False), ("/srv/xconf", False)):
        web = [each for each in changed_service("t1_web", **{source: f'"{path}"'}) if each.name == "t1_web"]
        assert saw(look_once(stack, tuple(web))) == ([] if same else [f"t1_web has mount /d source {path}"])


def test_fields_whose_names_depend_on_a_variable_are_not_compared() -> None:
    """A port, a mount or a network of another name may be the one that the variable gives."""
    ports = "EndpointSpec.Ports."
    services = tuple(
        replace(each, fields={**each.fields, f"{ports}tcp 20007": "1"}, unsettled=(f"{ports}tcp 20007", ports))
        for each in declared_by("28.2.2")
    )
    stack = DeclaredStack("t1", FILE, services, unset=("PORT",))
    assert saw(look_once(stack, changed_service("t1_web", **{f"{ports}tcp 8080": "1"}))) == []
    named = changed_service("t1_web", **{f"{ports}tcp 8080": "1", ENV + "NEW": None})
    assert saw(look_once(stack, named)) == ["t1_web: NEW is not in the file"]


@pytest.mark.parametrize(("path", "lent"), [(USER, USER), (UPDATES + "Order", UPDATES)])
def test_what_fleetkeeper_lends_a_service_is_no_difference(path: str, lent: str) -> None:
    services = tuple(replace(each, lent=(lent,)) for each in changed_service("t1_web", **{path: '"x"'}))
    assert verdict_on(look_once(services=services)).outcome is Outcome.HOLDS


@pytest.mark.parametrize(("file", "noted"), [("www", False), ("root", True), (None, True)])
def test_that_a_file_may_lack_the_user_is_noted_until_the_file_has_it(file: str | None, noted: bool) -> None:
    declared = [
        replace(each, fields={**each.fields, USER: file and json.dumps(file)}) for each in declared_by("28.2.2")
    ]
    fleet = look_once(DeclaredStack("t1", FILE, tuple(declared)))
    given = SwarmService("s1", "t1_web", user="www", lent="www", stack="t1")
    manager = replace(fleet.of("manager", Services), services=(given,))
    changed = replace(fleet, facts={**fleet.facts, ("manager", "services"): manager})
    assert any("t1_web runs as www since fleetkeeper changed it" in line for line in notes(changed)) is noted


def test_a_recording_has_no_values_and_says_that_they_were_not_compared() -> None:
    fleet = look_once()
    recorded = dump_recording(fleet)
    for service in (*declared_by("28.2.2"), *running()):
        for digest in (digest for digests in (service.digests or {}).values() for digest in digests):
            assert digest not in recorded
    assert "lab-only-password" not in recorded
    replayed = load_recording(recorded, fleet.inventory, observers_in(TOPICS))
    verdict = verdict_on(replayed)
    assert (verdict.outcome, verdict.findings) == (Outcome.UNKNOWN, ())
    assert "values not compared: of t1_glob, t1_web" in [why.why for why in verdict.unknown]


def test_another_process_of_the_run_gets_the_digests() -> None:
    fleet = look_once()
    shipped = load_recording(dump_recording(fleet, in_memory=True), fleet.inventory, observers_in(TOPICS))
    assert verdict_on(shipped).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    "fleet",
    [
        look_once(seen=UNSEEN),
        look_once(UNSEEN),
        look_once(DeclaredStack("t1", FILE, UNSEEN)),
        look_once(DeclaredStack("other", FILE)),
        look_once(seen=Facts("worker")),
    ],
)
def test_what_was_not_seen_is_unknown(fleet: Fleet) -> None:
    assert (verdict_on(fleet).outcome, verdict_on(fleet).findings) == (Outcome.UNKNOWN, ())


def test_an_older_inventory_is_asked_for_nothing() -> None:
    fleet = look_once(written=OLDER)
    assert {verdict.outcome for verdict in judge_rules((DEPLOYED, SOUND), fleet)} == {Outcome.NOT_APPLICABLE}


def test_an_undecided_section_is_one_unknown_and_hides_no_other_rule_of_the_topic() -> None:
    fleet = look_once(written=OLDER + "stacks: {undecided: t1 was seen}\n")
    services = [rule for rule in RULES.values() if rule.topic == "services"]
    outcomes = {verdict.rule.name: verdict.outcome for verdict in judge_rules(services, fleet)}
    assert outcomes["are_deployed_as_declared"] is Outcome.UNKNOWN
    assert outcomes["have_sound_stack_files"] is Outcome.NOT_APPLICABLE
    assert outcomes["can_run_on_every_member"] is not Outcome.NOT_APPLICABLE


# Answers of nodes


@pytest.mark.parametrize("printed", [b"", b"network a b\n", VALUES.removesuffix(b"end\n"), b'end\ns1 "TAG\n'])
def test_a_description_of_stacks_that_was_cut_short_is_unknown(printed: bytes) -> None:
    with pytest.raises(Unobservable, match="cut short"):
        parse(RUNNING, Output(0, printed), KEY)


def test_a_value_without_a_digest_is_not_compared() -> None:
    lines = [line for line in VALUES.decode().split("\n") if not line.endswith("/dev/fd/8")]
    services = parse(RUNNING, Output(0, "\n".join(lines).encode()), KEY).running
    verdict = verdict_on(look_once(services=services))
    assert (verdict.outcome, verdict.findings) == (Outcome.UNKNOWN, ())


def test_a_batch_that_was_not_digested_takes_no_digest_of_the_next() -> None:
    digest = "0" * 64
    printed = f's1 "A\ns1 "B\ns2 "C\n{digest}  /dev/fd/4\ns3 "D\n{digest}  /dev/fd/3\n{digest}  /dev/fd/9\nend\n'
    assert parse_description(printed)[1] == {"s1": {"B": digest}, "s3": {"D": digest}}


def test_a_worker_tells_nothing_of_stacks() -> None:
    worker = '{"LocalNodeState":"active","NodeID":"x","ControlAvailable":false}\n[]\n{"NodeCertificate":""}\n'
    assert parse(worker, Output(71, b""), KEY) == Facts("worker")


@given(st.text(st.characters(blacklist_categories=("Cs",))))
def test_each_way_of_writing_a_text_in_json_is_that_text(text: str) -> None:
    assert {json.loads(written) for written in json_texts(text)} == {text}


def test_a_key_is_drawn_once_in_a_run_and_is_a_number() -> None:
    assert run_key() == run_key()
    assert run_key().isdecimal()
    assert text_digest("x", "1") != text_digest("x", "2")


# The file itself

SOUND_FILE = """\
services:
  web:
    image: nginx:1.27
    healthcheck: {test: ["CMD", "true"]}
    deploy: {update_config: {failure_action: rollback}}
"""


def problems_in(text: str, *variables: str, dotenv: tuple[str, ...] = (), order: tuple[str, ...] = ()) -> list[str]:
    found = file_problems(read_compose(text.encode()), variables, dotenv, order)
    return [f"{problem.line} {problem.severity}: {problem.what}" for problem in found]


def test_a_sound_file_has_no_problem() -> None:
    assert problems_in(SOUND_FILE) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("nginx:1.27", "nginx:${TAG}", "3 error: ${TAG} is not set and becomes empty"),
        ("nginx:1.27", "nginx", "3 warning: the tag of nginx moves: none means latest"),
        (
            "nginx:1.27",
            "r:5000/rabbitmq:alpine",
            "3 warning: the tag of r:5000/rabbitmq:alpine moves",
        ),
        ("image:", "privileged: true\n    image:", "3 error: `privileged` is ignored by `docker stack deploy`"),
        ("image:", "build: .\n    image:", "3 warning: `build` is ignored by `docker stack deploy`"),
        ('"CMD", "true"', '"CMD-SHELL", "pg_isready", "-U"', "4 error: CMD-SHELL takes one text: only `pg_isready`"),
        ('"CMD", "true"', '"CMD", "curl -f x"', "4 error: CMD takes words: `curl …` is taken for the name of a"),
        ('"CMD", "true"', '"CMD"', "4 error: CMD without a program"),
        ('"CMD", "true"', '"CMD-SHELL"', "4 error: CMD-SHELL without a command"),
        ('"CMD", "true"', '"curl", "-f"', "4 error: a health test begins with CMD, CMD-SHELL or NONE, not with curl"),
        ("{update_config: {failure_action: rollback}}", "{replicas: 1}", "5 warning: web has no update_config"),
        (
            "{update_config:",
            "{mode: global-job, update_config:",
            "5 error: web is a job, and the engine refuses one with",
        ),
    ],
)
def test_case_87_what_docker_passes_over_is_named_with_its_line(old: str, new: str, expected: str) -> None:
    [problem] = problems_in(SOUND_FILE.replace(old, new))
    assert problem.startswith(expected)


def test_a_job_needs_no_update_config() -> None:
    text = SOUND_FILE.replace("update_config: {failure_action: rollback}", "mode: replicated-job")
    assert problems_in(text) == []


@pytest.mark.parametrize("test", ['"mysqladmin", "-ps3cret"', '"CMD", "a -ps3cret"', '"CMD-SHELL", "a", "-ps3cret"'])
def test_nothing_of_a_health_test_is_shown_but_its_program(test: str) -> None:
    """Its words may hold a password, as those of a command may."""
    [problem] = file_problems(read_compose(SOUND_FILE.replace('"CMD", "true"', test).encode()), ())
    assert problem.hint in ('test: ["CMD-SHELL", "mysqladmin …"]', 'test: ["CMD-SHELL", "a …"]')
    assert "s3cret" not in problem.what


def test_what_an_anchor_says_is_a_problem_of_its_line_once() -> None:
    text = "x: &x {image: 'a:1', privileged: true, labels: {l: '${LOST}'}}\nservices: {a: *x, b: *x, c: {<<: *x}}\n"
    assert sorted(problem.split(" has ")[0] for problem in problems_in(text)) == [
        "1 error: ${LOST} is not set and becomes empty",
        "1 error: `privileged` is ignored by `docker stack deploy`",
        "2 warning: a",
        "2 warning: b",
        "2 warning: c",
    ]


def test_a_variable_of_somebody_s_shell_is_a_warning_and_not_empty() -> None:
    text = SOUND_FILE.replace('"CMD", "true"', '"CMD", "${HOME}${USER}"')
    problems = [problem for problem in problems_in(text) if "$" in problem]
    assert [problem.split(" ", 1)[1] for problem in problems] == [
        "warning: ${HOME} is that of whoever deploys",
        "warning: ${USER} is that of whoever deploys",
    ]


TIED = """\
services:
  web: {image: "a:1", env_file: all.env, volumes: ["./conf:/conf:ro", "shared:/s"]}
  db: {image: "b:1", env_file: [all.env], volumes: ["data:/d", "remote:/r", "shared:/s"]}
volumes: {data: , shared: , remote: {driver: nfs}}
"""
PINNED = "deploy: {placement: {constraints: [node.hostname == a]}}"


def tied_in(text: str, *open_files: str) -> list[str]:
    return [f"{problem.line}: {problem.what}" for problem in node_problems(read_compose(text.encode()), open_files)]


def test_what_ties_a_service_to_a_node_or_gives_it_passwords_of_others_is_named() -> None:
    shared = "2: all.env goes into web, db: each has in its environment what any of them needs"
    assert tied_in(TIED) == [
        shared,
        "2: ./conf is mounted from the disk of whichever node web starts on, by its path here",
        "3: db keeps data on one node's disk and may start on another, with nothing",
    ]
    assert tied_in(TIED.replace('a:1",', f'a:1", {PINNED},').replace('b:1",', f'b:1", {PINNED},')) == [shared]
    assert shared not in tied_in(TIED, "all.env")
    assert shared not in tied_in(TIED.replace("b:1", "a:2"))
    assert not any("db keeps" in line for line in tied_in(TIED.replace('b:1",', 'b:1", deploy: {mode: global},')))


def test_a_volume_of_services_that_run_on_every_node_is_one_of_each_node() -> None:
    text = (
        SOUND_FILE
        + "    volumes: [v:/v]\n  two: {image: a:1, volumes: [v:/v], deploy: {update_config: {order: stop-first}}}\n"
    )
    text += "volumes: {v: }\n"
    assert "use the volume v" in problems_in(text)[0]
    assert problems_in(text.replace("deploy: {", "deploy: {mode: global, ")) == []


def test_a_variable_that_only_dotenv_sets_is_named_also_where_it_has_a_default() -> None:
    text = SOUND_FILE.replace("1.27", "${TAG:-1.2}")
    assert problems_in(text) == problems_in(text, "TAG", dotenv=("TAG",)) == []
    assert problems_in(text, dotenv=("TAG",)) == ["3 error: ${TAG} does not get its value from .env"]


@pytest.mark.parametrize("volume", ["data:/d", "./data:/d", "{type: bind, source: /srv, target: /d}"])
def test_start_first_on_data_is_an_error(volume: str) -> None:
    text = SOUND_FILE.replace("failure_action: rollback", "order: start-first") + f"    volumes: [{volume}]\n"
    assert "start-first" in problems_in(text + "volumes: {data: }\n")[0]
    assert (
        problems_in(text.replace("/d]", "/d:ro]").replace("/d}", "/d, read_only: true}") + "volumes: {data: }\n") == []
    )


def test_an_order_of_services_that_the_file_lacks_is_an_error() -> None:
    assert problems_in(SOUND_FILE, order=("web",)) == []
    assert "names db" in problems_in(SOUND_FILE, order=("db", "web"))[0]


def test_a_volume_of_several_nodes_is_no_problem_on_one() -> None:
    problem = FileProblem("volumes.x", 9, "there it is another directory", severity="error", between_nodes=True)
    stack = DeclaredStack("t1", FILE, declared_by("28.2.2"), (problem,))
    for members, outcome in ((1, Outcome.HOLDS), (2, Outcome.FINDING)):
        judged = judge_subject(SOUND, look_once(stack, members=members), Subject("stack", "t1"))
        assert judged.outcome is outcome


def test_a_file_that_cannot_be_read_is_unknown() -> None:
    stack = DeclaredStack("t1", FILE, UNSEEN, UNSEEN)
    assert judge_subject(SOUND, look_once(stack), Subject("stack", "t1")).outcome is Outcome.UNKNOWN
