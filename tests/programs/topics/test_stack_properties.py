"""Stack files made at random, with Docker's own clients: an unchanged stack is equal, and a change is what is named."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from benchmarks.private_engine import WHY_NOT, private_swarm
from fleetkeeper.readers.compose.document import read_compose
from fleetkeeper.topics.services.rules.deployed import compare_services
from fleetkeeper.topics.services.stacks.declared import StackReading
from fleetkeeper.topics.services.stacks.deploy_variables import StackVariables
from fleetkeeper.topics.services.stacks.docker_client import StackRefused, desired_stack
from fleetkeeper.topics.services.stacks.facts import StackService
from fleetkeeper.topics.services.stacks.field_names import ENV
from fleetkeeper.topics.services.stacks.parse import running_service
from fleetkeeper.topics.services.stacks.service_fields import comparable_fields
from fleetkeeper.topics.services.stacks.values import variable_digests
from tests.helpers.stack_files import DEFAULTS, FIELDS, engine_s_echo, services, stack_text

CLIENTS = sorted(path for path in ("/usr/bin/docker", "/usr/local/bin/docker") if Path(path).exists())
pytestmark = pytest.mark.skipif(not CLIENTS, reason="no Docker client here")
KEY = "1234"
Specs = dict[str, dict[str, Any]]
several = st.lists(services(), min_size=8, max_size=8)
few = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
many = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def only_client(client: str) -> Iterator[None]:
    """Let `docker` be this client, for the time of the block."""
    path = os.environ["PATH"]
    with TemporaryDirectory() as folder:
        Path(folder, "docker").symlink_to(client)
        os.environ["PATH"] = f"{folder}:/usr/bin:/bin"
        try:
            yield
        finally:
            os.environ["PATH"] = path


def written_by(client: str, text: str) -> Specs:
    with only_client(client):
        return dict(desired_stack("rodan", text, Path("/"), {}).services)


def declared_from(text: str, specs: Specs) -> dict[str, StackService]:
    reading = StackReading("rodan", Path("/x.yml"), read_compose(text.encode()), StackVariables({}))
    return {name: reading.declared_service(name, comparable_fields(spec, {}), KEY) for name, spec in specs.items()}


def running_from(specs: Specs, networks: dict[str, str]) -> dict[str, StackService]:
    """The services as a manager has them, which prints a digest of each variable."""
    services = {}
    for name, spec in specs.items():
        variables = spec["TaskTemplate"]["ContainerSpec"].get("Env") or []
        digests = {variable.partition("=")[0]: variable_digests(variable, KEY)[-1] for variable in variables}
        services[name] = running_service({"ID": name, "Spec": spec}, networks, {name: digests}, KEY)
    return services


def differences(declared: dict[str, StackService], running: dict[str, StackService]) -> dict[str, Any]:
    assert declared.keys() == running.keys()
    compared = {name: compare_services(declared[name], running[name]) for name in declared}
    assert not any(comparison.uncompared for comparison in compared.values())
    return {name: comparison.different for name, comparison in compared.items() if comparison.different}


NETWORKS = {f"id of {name}": name for name in ("rodan_n", "real", "rodan_default")}
NETWORKS |= {f"id of name:{name}": name for name in ("rodan_n", "real", "rodan_default")}


def check_unchanged(files: list[dict[str, Any]]) -> None:
    text = stack_text({f"s{number}": file for number, file in enumerate(files)})
    written = [written_by(client, text) for client in CLIENTS]
    declared = [declared_from(text, specs) for specs in written]
    for specs in written:
        running = running_from({name: engine_s_echo(spec) for name, spec in specs.items()}, NETWORKS)
        assert [differences(each, running) for each in declared] == [{} for _ in declared]


@few
@given(several)
def test_a_stack_that_nobody_changed_is_equal_whichever_client_deployed_it(files: list[dict[str, Any]]) -> None:
    check_unchanged(files)


@pytest.mark.long
@many
@given(several)
def test_many_stacks_that_nobody_changed_are_equal(files: list[dict[str, Any]]) -> None:
    check_unchanged(files)


@pytest.mark.parametrize("key", [None, pytest.param("all", marks=pytest.mark.long)])
def test_each_key_that_has_another_value_is_named_and_nothing_else(key: str | None) -> None:
    """One service for each pair of values of each key, also with and without it; a sample of the keys, or all."""
    keys = list(FIELDS) if key else ["image", "user", "volumes", "ports", "healthcheck", "deploy.replicas", "networks"]
    before, after, named = {}, {}, {}
    for each in keys:
        values = [*FIELDS[each][1], *([] if each == "image" else [None])]
        for first, second in zip(values, values[1:] + values[:1], strict=True):
            name = f"s{len(before)}"
            before[name], after[name] = (
                {"image": "a:1"} | ({each: value} if value is not None else {}) for value in (first, second)
            )
            named[f"rodan_{name}"] = FIELDS[each][0]
    client = CLIENTS[-1]
    text, other = stack_text(before), stack_text(after)
    running = running_from({n: engine_s_echo(spec) for n, spec in written_by(client, other).items()}, NETWORKS)
    different = differences(declared_from(text, written_by(client, text)), running)
    assert different.keys() == named.keys()
    for name, paths in different.items():
        assert all(path.startswith(named[name]) for path in paths), (name, paths, before, after)


def test_a_default_that_is_written_out_is_no_difference() -> None:
    before = {f"s{number}": {"image": "a:1", key: value} for number, (key, value) in enumerate(DEFAULTS.items())}
    text, bare = stack_text(before), stack_text({name: {"image": "a:1"} for name in before})
    written = written_by(CLIENTS[-1], bare)
    running = running_from({name: engine_s_echo(spec) for name, spec in written.items()}, NETWORKS)
    assert differences(declared_from(text, written_by(CLIENTS[-1], text)), running) == {}


@few
@given(st.dictionaries(st.sampled_from("ABCD"), st.sampled_from("12"), min_size=1), st.sampled_from("ABCD"))
def test_exactly_the_variables_with_another_value_are_named(variables: dict[str, str], changed: str) -> None:
    other = {**variables, changed: variables.get(changed, "") + "x"}
    text, runs = (stack_text({"s": {"image": "a:1", "environment": each}}) for each in (variables, other))
    client = CLIENTS[-1]
    running = running_from({n: engine_s_echo(spec) for n, spec in written_by(client, runs).items()}, NETWORKS)
    different = differences(declared_from(text, written_by(client, text)), running)
    assert different == {"rodan_s": (ENV + changed,)}


def run_docker(client: str, environment: dict[str, str], *words: str, text: str = "") -> str:
    done = subprocess.run(
        (client, *words), env=environment, input=text, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def inspected_services(client: str, environment: dict[str, str]) -> dict[str, StackService]:
    """The services of an engine's swarm."""
    names = run_docker(client, environment, "service", "ls", "-q").split()
    inspected = json.loads(run_docker(client, environment, "service", "inspect", *names))
    listed = run_docker(client, environment, "network", "ls", "--no-trunc", "--format", "{{.ID}} {{.Name}}")
    networks = dict(line.split(" ", 1) for line in listed.splitlines())
    return running_from({each["Spec"]["Name"]: each["Spec"] for each in inspected}, networks)


@pytest.mark.long
@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
def test_a_real_engine_gives_back_what_is_equal() -> None:
    """Every value of every key, and 40 services of several keys, deployed by each client to an engine of our own."""
    files = {f"s{n}": {"image": "a:1", key: value} for n, (key, value) in enumerate(all_values())}
    files |= {f"r{n}": file for n, file in enumerate(services_at_random(40))}
    text = stack_text(files)
    with private_swarm() as environment:
        for kind, name in (("secret", "s"), ("secret", "t_v2"), ("config", "c_v1")):
            run_docker(CLIENTS[0], environment, kind, "create", name, "-", text="x")
        run_docker(CLIENTS[0], environment, "network", "create", "-d", "overlay", "real")
        for client in CLIENTS:
            deploy = ("stack", "deploy", "--resolve-image", "never", "-c", "-", "rodan")
            run_docker(client, environment, *deploy, text=text)
            running = inspected_services(client, environment)
            for other in CLIENTS:
                assert differences(declared_from(text, written_by(other, text)), running) == {}


@pytest.mark.long
@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
def test_jobs_are_equal_too() -> None:
    """Clients before 23 have none."""
    files = {"j": {"image": "a:1", "deploy.mode": "replicated-job", "deploy.replicas": 3}}
    files["g"] = {"image": "a:1", "deploy.mode": "global-job", "deploy.restart_policy": {"condition": "none"}}
    text = stack_text(files)
    if "Unknown mode" in str(refusal(text)):
        pytest.skip("the client here has no jobs")
    with private_swarm() as environment:
        for name in ("s", "t_v2"):
            run_docker(CLIENTS[-1], environment, "secret", "create", name, "-", text="x")
        run_docker(
            CLIENTS[-1], environment, "stack", "deploy", "--resolve-image", "never", "-c", "-", "rodan", text=text
        )
        running = inspected_services(CLIENTS[-1], environment)
        assert differences(declared_from(text, written_by(CLIENTS[-1], text)), running) == {}


def refusal(text: str) -> StackRefused | None:
    try:
        written_by(CLIENTS[-1], text)
    except StackRefused as refused:
        return refused
    return None


def all_values() -> list[tuple[str, Any]]:
    return [(key, value) for key, (_, values) in FIELDS.items() for value in values if key != "image"]


def services_at_random(count: int) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []

    @settings(max_examples=count, database=None, derandomize=True, phases=[Phase.generate])
    @given(services())
    def collect(service: dict[str, Any]) -> None:
        made.append(service)

    collect()
    return made
