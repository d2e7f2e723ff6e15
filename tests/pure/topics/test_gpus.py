"""GPUs: each thing that takes one away is named, and what could not be seen is unknown.

The texts of drivers and GPUs are not of a machine of ours: see tests/example_fleets/gpu_swarm.py.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.inventory.survey_results import Findings, FoundGpus, Machine
from fleetkeeper.judging.rule import Rule, Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_rules, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.look import drive_in_lockstep
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.gpus import TOPIC
from fleetkeeper.topics.gpus.facts import Facts, GpuDevice, GpuEngine, OpenedDevice, SmiAnswer, Worker
from fleetkeeper.topics.gpus.observe import look_at_gpus
from fleetkeeper.topics.gpus.parse import parse, parse_engine
from fleetkeeper.topics.gpus.policy import init_lines
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Member
from fleetkeeper.transport.commands import Command, Output, Unobservable
from tests.example_fleets.gpu_swarm import (
    ASKED,
    CONTAINER,
    ID,
    INFO,
    LISTED,
    MANAGER,
    MISMATCH,
    NVML_UNKNOWN,
    OLDER,
    REACHES,
    SERVICE,
    SOUND,
    VGPU,
    WAITS,
    engine_output,
    gpu_fleet,
    with_gpu,
    with_resources,
    with_swarm,
)

RULES: dict[str, Rule] = {rule.name: rule for rule in TOPIC.rules}
DRIVER, GIVEN, PLACED, REACHED = (
    (RULES[name], Subject(kind, subject))
    for name, kind, subject in (
        ("have_a_driver", "node", "vgpu"),
        ("are_given_to_containers", "node", "vgpu"),
        ("are_where_the_service_may_run", "service", "gpu-celery"),
        ("reach_the_worker", "service", "gpu-celery"),
    )
)
ENGINE = SOUND.engine
PRINTED = f"""\
=module
 NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024
 GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)
 535.183.01

=kernel 6.1.0-28-amd64
=modinfo 535.183.01
=libraries
 /usr/lib/x86_64-linux-gnu/nvidia/current/libnvidia-ml.so.535.183.01

=device /dev/nvidia0 195:0 yes no
=device /dev/nvidiactl 195:255 no no
=ctk /usr/bin/nvidia-ctk
=udev
=rules
 /etc/udev/rules.d/71-nvidia-dev-char.rules

=listed
=smi 0
 {LISTED}
=worker {ID}
 opened /dev/nvidiactl
 refused /dev/nvidia-uvm Operation not permitted
 answered 0
 said {LISTED}
 asked
=end
"""


def looks() -> dict[str, Fleet]:
    """Looks for the tests that go over all topics."""
    denied = Worker(ID, (OpenedDevice("/dev/nvidiactl", "Operation not permitted"),), SmiAnswer(255, NVML_UNKNOWN))
    unlinked = (GpuDevice("/dev/nvidia0", "195:0", linked=False),)
    engine = GpuEngine("docker", ("runc",), "runc", "systemd", in_swarm=True)
    mixed = replace(SOUND, libraries=("550.90.07",), smi=SmiAnswer(7, "odd"), devices=unlinked, engine=engine)
    partly = SmiAnswer(0, f"{LISTED}\nGPU is lost")
    return {
        "clean": gpu_fleet(),
        "partly": with_gpu(smi=partly, workers=(replace(REACHES, smi=partly),)),
        "waiting": with_swarm(members=(MANAGER, replace(VGPU, labels={"queue": "gpu2"})), tasks=(WAITS,)),
        "denied": gpu_fleet({("vgpu", "gpus"): replace(mixed, workers=(denied,))}),
        "resources": with_resources({"w1": {"gpu": 1}}, {"gpu": 2}),
        "unloaded": with_gpu(module="", smi=None, module_file="535.183.01"),
    }


def judged_verdict(judged: tuple[Rule, Subject], fleet: Fleet) -> Verdict:
    return judge_subject(judged[0], fleet, judged[1])


def saw(judged: tuple[Rule, Subject], fleet: Fleet) -> str:
    """What the only finding saw."""
    [finding] = judged_verdict(judged, fleet).findings
    return finding.saw


def test_where_nothing_is_wrong_every_rule_holds() -> None:
    rules = [rule for rule in TOPIC.rules if rule.name != "are_computed_on"]
    assert {verdict.outcome for verdict in judge_rules(rules, gpu_fleet())} == {Outcome.HOLDS}


def test_the_output_of_the_script_is_read() -> None:
    facts = parse(PRINTED, ENGINE)
    denied = replace(REACHES, devices=(REACHES.devices[0], OpenedDevice("/dev/nvidia-uvm", "Operation not permitted")))
    unlinked = replace(SOUND.devices[1], linked=False)
    assert facts == replace(SOUND, workers=(denied,), devices=(SOUND.devices[0], unlinked))


@pytest.mark.parametrize(
    ("cut", "smi", "workers"),
    [
        (f"=smi 0\n {LISTED}\n", "nvidia-smi: it did not answer within 10 s", ""),
        ("=listed\n", "", "the containers of the services could not be listed within 10 s"),
    ],
)
def test_what_did_not_answer_in_time_is_unknown_alone(cut: str, smi: str, workers: str) -> None:
    facts = parse(PRINTED.replace(cut, ""), ENGINE)
    whys = [fact.why if isinstance(fact, Unobservable) else "" for fact in (facts.smi, facts.workers)]
    assert whys == [smi, workers]


def test_a_gpu_that_hangs_already_is_not_asked_again() -> None:
    facts = parse(PRINTED[: PRINTED.index("=listed")] + "=unasked hangs\n=end\n", ENGINE)
    assert "hangs there already" in str(facts.smi)
    assert facts.workers == facts.smi
    assert facts.module == "535.183.01"


def test_an_output_or_the_answer_of_a_worker_that_was_cut_short_is_unknown() -> None:
    with pytest.raises(Unobservable, match="cut short"):
        parse(PRINTED.removesuffix("=end\n"), ENGINE)
    [worker] = parse(PRINTED.replace(" asked\n", ""), ENGINE).workers  # type: ignore[misc]
    assert isinstance(worker.smi, Unobservable)


def test_what_the_engine_says_is_read() -> None:
    runtimes = ("io.containerd.runc.v2", "nvidia", "runc")
    assert parse_engine(Output(0, engine_output())) == replace(SOUND.engine, runtimes=runtimes)
    assert parse_engine(Output(69)).kind == "absent"
    assert parse_engine(Output(0, engine_output({"host": {}, "store": {}}))).kind == "podman"
    with pytest.raises(Unobservable):
        parse_engine(Output(0, engine_output({**INFO, "Runtimes": ["nvidia"]})))


@pytest.mark.parametrize(
    ("changed", "seen"),
    [
        ({"module": "", "smi": None}, "no driver of NVIDIA is loaded"),
        ({"smi": SmiAnswer(18, MISMATCH), "libraries": ("550.90.07",)}, "the loaded driver is 535.183.01, the library"),
        ({"smi": None, "libraries": ("550.90.07",)}, "the loaded driver is 535.183.01, the library 550.90.07"),
        ({"smi": SmiAnswer(15, "Unable to determine the device handle for GPU 0000:01:00.0: GPU is lost.")}, "no GPU"),
        ({"smi": SmiAnswer(0, "")}, "nvidia-smi finds no GPU: it lists none"),
    ],
)
def test_case_92_what_a_driver_lacks_is_named(changed: dict[str, Any], seen: str) -> None:
    assert seen in saw(DRIVER, with_gpu(**changed))


LOST = "Unable to determine the device handle for GPU 0000:0B:00.0: Unknown Error"
"""As others report it: NVIDIA/dcgm-exporter, issue 604; NVIDIA/nvidia-container-toolkit, issue 69."""
ROM = "WARNING: infoROM is corrupted at gpu 0000:01:00.0"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (SmiAnswer(0, f"{LISTED}\n{LOST}"), Outcome.FINDING),
        (SmiAnswer(0, f"{LOST}\n{LISTED}"), Outcome.FINDING),
        (SmiAnswer(255, f"{LISTED}\n{LOST}"), Outcome.FINDING),
        (SmiAnswer(15, f"{LISTED}\nGPU 1: GPU is lost"), Outcome.FINDING),
        (SmiAnswer(0, f"{LISTED}\nwhat nobody knows"), Outcome.UNKNOWN),
        (SmiAnswer(9, LISTED), Outcome.UNKNOWN),
        (SmiAnswer(0, f"{LISTED}\n  MIG 1g.5gb     Device  0: (UUID: MIG-1)\n{ROM}"), Outcome.HOLDS),
        (SmiAnswer(14, f"{LISTED}\n{ROM}"), Outcome.HOLDS),
    ],
)
def test_a_card_that_is_lost_beside_others_is_a_finding_on_the_node_and_in_the_task(
    answer: SmiAnswer, outcome: Outcome
) -> None:
    assert judged_verdict(DRIVER, with_gpu(smi=answer)).outcome is outcome
    assert judged_verdict(REACHED, with_gpu(workers=(replace(REACHES, smi=answer),))).outcome is outcome


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (SmiAnswer(0, LISTED), Outcome.HOLDS),
        (SmiAnswer(18, MISMATCH), Outcome.FINDING),
        (Unobservable("nvidia-smi: it did not answer within 8 s"), Outcome.UNKNOWN),
        (SmiAnswer(9, "NVIDIA-SMI has failed"), Outcome.FINDING),
        (None, Outcome.FINDING),
    ],
)
def test_a_module_that_is_not_shown_is_no_finding_where_nvidia_smi_lists_a_gpu(answer: Any, outcome: Outcome) -> None:
    """As in WSL, and in a container that has the devices and not the files of the driver in /proc."""
    assert judged_verdict(DRIVER, with_gpu(module="", smi=answer)).outcome is outcome


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"module_file": ""}, "there is none for the kernel 6.1.0-28-amd64"),
        ({"module_file": "535.183.01"}, "`modprobe nvidia` (version 535.183.01)"),
        ({"module_file": None}, "`modinfo nvidia`"),
    ],
)
def test_the_way_to_a_driver_is_told_by_what_is_on_the_disk(changed: dict[str, Any], hint: str) -> None:
    [finding] = judged_verdict(DRIVER, with_gpu(module="", smi=None, **changed)).findings
    assert hint in finding.hint


@pytest.mark.parametrize(
    "changed",
    [
        {"smi": Unobservable("nvidia-smi: it did not answer within 10 s")},
        {"smi": None, "libraries": ()},
        {"smi": SmiAnswer(4, "Insufficient Permissions")},
        {"smi": SmiAnswer(77, "what nobody knows")},
        {"module": "", "smi": None, "foreign": True},
    ],
)
def test_a_driver_that_cannot_be_seen_is_unknown(changed: dict[str, Any]) -> None:
    verdict = judged_verdict(DRIVER, with_gpu(**changed))
    assert (verdict.outcome, verdict.findings) == (Outcome.UNKNOWN, ())


RUNC = GpuEngine("docker", ("runc",), "runc", "cgroupfs", in_swarm=True)
DENIED = replace(REACHES, devices=(OpenedDevice("/dev/nvidiactl", "No such file or directory"),), smi=None)


def test_a_swarm_needs_the_default_runtime_unless_a_task_has_the_device() -> None:
    alone = with_gpu(engine=RUNC, workers=(DENIED,))
    assert saw(GIVEN, alone) == "the default runtime is runc, and the engine knows none called nvidia"
    assert judged_verdict(GIVEN, with_gpu(engine=RUNC)).outcome is Outcome.HOLDS
    unseen = with_gpu(engine=RUNC, workers=Unobservable("nobody asked"))
    assert judged_verdict(GIVEN, unseen).outcome is Outcome.UNKNOWN


def test_without_a_swarm_a_runtime_that_is_missing_is_unknown_until_something_runs() -> None:
    engine = replace(RUNC, in_swarm=False)
    assert judged_verdict(GIVEN, with_gpu(engine=engine, workers=())).outcome is Outcome.UNKNOWN
    assert judged_verdict(GIVEN, with_gpu(engine=engine)).outcome is Outcome.HOLDS


def test_case_93_a_device_that_a_reload_of_systemd_takes_away_is_a_finding() -> None:
    devices = (replace(SOUND.devices[0], linked=False), SOUND.devices[1])
    assert saw(GIVEN, with_gpu(devices=devices)) == "/dev/nvidia0 (195:0) has no link in /dev/char"
    [warning] = judged_verdict(GIVEN, with_gpu(linking_rules=())).warnings
    assert (
        warning.saw == "/dev/nvidia0 (195:0), /dev/nvidiactl (195:255) lose their links in /dev/char at the next boot"
    )
    registered = tuple(replace(device, registered=True) for device in SOUND.devices)
    assert judged_verdict(GIVEN, with_gpu(linking_rules=(), devices=registered)).warnings == ()
    own_groups = replace(SOUND.engine, cgroup_driver="cgroupfs")
    assert judged_verdict(GIVEN, with_gpu(devices=devices, engine=own_groups)).outcome is Outcome.HOLDS
    not_said = replace(SOUND.engine, cgroup_driver="")
    assert judged_verdict(GIVEN, with_gpu(devices=devices, engine=not_said)).outcome is Outcome.UNKNOWN


def test_what_services_reserve_is_asked_of_a_manager_of_the_node_s_own_swarm() -> None:
    other = with_resources({}, {"gpu": 1})
    fleet = replace(other, facts={**other.facts, ("vgpu", "services"): Services("worker", "of another swarm")})
    assert judged_verdict(GIVEN, fleet).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("engine", "outcome"),
    [
        (GpuEngine("absent"), Outcome.NOT_APPLICABLE),
        (GpuEngine("podman"), Outcome.UNKNOWN),
        (Unobservable("the engine does not answer"), Outcome.UNKNOWN),
    ],
)
def test_without_an_engine_that_answers_nothing_is_claimed(engine: GpuEngine | Unobservable, outcome: Outcome) -> None:
    assert judged_verdict(GIVEN, with_gpu(engine=engine)).outcome is outcome


def test_case_94_a_label_that_was_lost_names_the_node_and_the_task_that_waits() -> None:
    fleet = with_swarm(members=(MANAGER, replace(VGPU, labels={})), tasks=(WAITS,))
    [finding] = judged_verdict(PLACED, fleet).findings
    assert finding.saw.startswith("vgpu lacks the label queue=GPU: no member meets `node.labels.queue == GPU`")
    assert "a task is pending: no suitable node (scheduling constraints not satisfied)" in finding.saw
    assert (finding.node, finding.hint) == ("vgpu", "`docker node update --label-add queue=GPU w1` on a manager")
    assert judged_verdict(REACHED, fleet).outcome is Outcome.UNKNOWN


def test_a_ghost_that_has_the_label_is_named() -> None:
    ghost = replace(VGPU, id="g0", state="down")
    fleet = with_swarm(members=(MANAGER, replace(VGPU, labels={}), ghost))
    assert "; g0, which it was before it joined again, has it and is down" in saw(PLACED, fleet)


def test_a_label_with_another_value_is_told_with_that_and_its_case_does_not_count() -> None:
    other = with_swarm(members=(MANAGER, replace(VGPU, labels={"queue": "CPU"})))
    assert saw(PLACED, other) == "vgpu lacks the label queue=GPU (it has queue=CPU)"
    same = with_swarm(members=(MANAGER, replace(VGPU, labels={"queue": "gpu"})))
    assert judged_verdict(PLACED, same).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("member", "seen"),
    [
        (replace(VGPU, availability="drain"), "only vgpu (drain) may run it"),
        (replace(VGPU, availability="pause"), "only vgpu (pause) may run it"),
        (replace(VGPU, state="down"), "only vgpu (down) may run it"),
    ],
)
def test_a_member_that_takes_no_tasks_is_named(member: Member, seen: str) -> None:
    assert saw(PLACED, with_swarm(members=(MANAGER, member))) == seen


def test_a_constraint_that_no_gpu_node_meets_is_told() -> None:
    service = replace(SERVICE, constraints=("node.labels.queue == GPUs",))
    assert "it asks for `node.labels.queue == GPUs`" in saw(PLACED, with_swarm(services=(service,)))


def test_a_service_that_may_start_without_a_gpu_is_a_finding() -> None:
    free = with_swarm(services=(replace(SERVICE, constraints=()),))
    assert saw(PLACED, free) == "the swarm may start it on manager, where `gpus` names no GPU"


def test_a_task_on_a_node_without_a_gpu_is_a_finding_and_is_not_asked() -> None:
    fleet = gpu_fleet({("manager", "containers"): Containers("present", (CONTAINER,))})
    assert saw(PLACED, fleet) == "rodan_gpu-celery.1.x runs there, and `gpus` names no GPU there"
    assert judged_verdict(REACHED, fleet).outcome is Outcome.UNKNOWN


def test_a_node_that_left_the_swarm_is_told() -> None:
    gone = with_swarm(members=(MANAGER,))
    sights = [finding.saw for finding in judged_verdict(PLACED, gone).findings]
    assert sights == ["it is no member of the swarm", "no node with a GPU fits: it asks for `node.labels.queue == GPU`"]


def test_room_is_counted_by_what_is_reserved() -> None:
    assert judged_verdict(PLACED, with_resources({"w1": {"gpu": 1}}, {"gpu": 1})).outcome is Outcome.HOLDS
    two = with_resources({"w1": {"gpu": 1}}, {"gpu": 1}, replicas=2)
    assert saw(PLACED, two) == "2 tasks reserve 1 gpu each; there is room for 1"
    more = with_resources({"w1": {"gpu": 1}}, {"gpu": 2})
    assert "reserves 2 gpu" in saw(PLACED, more)
    [warning] = judged_verdict(PLACED, with_resources({"w1": {"gpu": 1}}, {"gpu": 1}, order="start-first")).warnings
    assert "an update starts a new task before it ends an old one" in warning.saw


def test_a_resource_that_nobody_offers_is_told_for_the_engine() -> None:
    assert saw(GIVEN, with_resources({}, {"gpu": 1})) == "gpu-celery reserves gpu, which no member of the swarm offers"


def test_a_part_of_the_swarm_that_was_not_seen_is_unknown() -> None:
    dark = Unobservable("no route to host")
    for node, topic in (("manager", "services"), ("vgpu", "services"), ("vgpu", "containers")):
        assert judged_verdict(PLACED, gpu_fleet({(node, topic): dark})).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("worker", "seen"),
    [
        (DENIED, "No such file or directory (the engine gave it none)"),
        (
            Worker(ID, (OpenedDevice("/dev/nvidiactl", "Operation not permitted"),), SmiAnswer(255, NVML_UNKNOWN)),
            "Operation not permitted (its control group has lost the device, as after `systemctl daemon-reload`)",
        ),
        (
            replace(REACHES, devices=(*REACHES.devices[:1], OpenedDevice("/dev/nvidia-uvm", "Permission denied"))),
            "cannot open /dev/nvidia-uvm: Permission denied (its user may not open the device)",
        ),
        (replace(REACHES, smi=SmiAnswer(255, NVML_UNKNOWN)), f"sees no GPU: {NVML_UNKNOWN}"),
        (replace(REACHES, smi=SmiAnswer(18, MISMATCH)), "sees no GPU: Failed to initialize NVML: Driver/library"),
        (replace(REACHES, smi=SmiAnswer(0, "")), "sees no GPU: nothing printed"),
    ],
)
def test_case_95_a_task_that_does_not_reach_its_gpu_is_told_with_the_kernel_s_word(worker: Worker, seen: str) -> None:
    assert seen in saw(REACHED, with_gpu(workers=(worker,)))


@pytest.mark.parametrize(
    "workers",
    [
        (),
        (replace(REACHES, smi=Unobservable("it did not answer")),),
        (replace(REACHES, smi=SmiAnswer(4, "Insufficient Permissions")),),
        (replace(REACHES, devices=(OpenedDevice("/dev/nvidiactl", "Too many open files"),)),),
        Unobservable("the engine does not answer"),
    ],
)
def test_a_task_that_could_not_be_asked_is_unknown(workers: Any) -> None:
    verdict = judged_verdict(REACHED, with_gpu(workers=workers))
    assert (verdict.outcome, verdict.findings) == (Outcome.UNKNOWN, ())


def test_an_image_without_nvidia_smi_is_judged_by_the_device_alone() -> None:
    assert judged_verdict(REACHED, with_gpu(workers=(replace(REACHES, smi=None),))).outcome is Outcome.HOLDS
    without_uvm = replace(
        REACHES, devices=(REACHES.devices[0], OpenedDevice("/dev/nvidia-uvm", "No such file or directory"))
    )
    assert judged_verdict(REACHED, with_gpu(workers=(without_uvm,))).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("error", "outcome"), [("No such device or address", Outcome.FINDING), ("Bad file", Outcome.UNKNOWN)]
)
def test_a_device_that_computes_and_cannot_be_opened_is_never_right(error: str, outcome: Outcome) -> None:
    dead = replace(REACHES, devices=(REACHES.devices[0], OpenedDevice("/dev/nvidia-uvm", error)))
    assert judged_verdict(REACHED, with_gpu(workers=(dead,))).outcome is outcome


def test_what_services_reserve_is_unknown_without_a_manager() -> None:
    alone = {("manager", "services"): Unobservable("no route to host")}
    assert judged_verdict(GIVEN, gpu_fleet(alone)).outcome is Outcome.UNKNOWN


def test_an_older_inventory_is_neither_red_nor_unknown_for_the_section_that_it_lacks() -> None:
    outcomes = {verdict.outcome for verdict in judge_rules(TOPIC.rules, gpu_fleet(written=OLDER))}
    assert outcomes == {Outcome.NOT_APPLICABLE}
    inventory = load_inventory(Path("mine.yml"), OLDER)
    questions = {observer.name: observer.observe(inventory.nodes["vgpu"], inventory) for observer in TOPIC.observers}
    assert drive_in_lockstep(questions, NoLink()) == {"gpus": None, "gpu_resources": None, "gpu_checks": None}


def test_a_node_without_a_gpu_is_asked_for_the_swarm_s_resources_alone() -> None:
    inventory = load_inventory(Path("mine.yml"), ASKED)
    [gpus, *_] = TOPIC.observers
    assert drive_in_lockstep({"gpus": gpus.observe(inventory.nodes["manager"], inventory)}, NoLink()) == {"gpus": None}


def test_the_question_names_the_declared_services_alone() -> None:
    inventory = load_inventory(Path("mine.yml"), ASKED)
    assert list(TOPIC.root_questions_about(inventory)) == [look_at_gpus(inventory).words]
    assert look_at_gpus(inventory).words[4:] == ("rodan_gpu-celery",)


@pytest.mark.parametrize(
    ("findings", "line"),
    [
        (Findings("x", ()), 'gpus: {none: "no GPU was seen on any of these hosts"}'),
        (
            Findings("x", (), gpus=FoundGpus(("vgpu",), ("gpu-celery",), (("queue", "GPU"),))),
            "gpus: {nodes: [vgpu], services: [gpu-celery], label: {queue: GPU}}",
        ),
        (
            Findings("x", (), gpus=FoundGpus(("vgpu",))),
            "gpus: {nodes: [vgpu]}   # services: [NAME], those that need one",
        ),
    ],
)
def test_init_proposes_the_section(findings: Findings, line: str) -> None:
    assert list(init_lines(findings))[-1] == line


def test_init_leaves_the_section_undecided_where_a_host_was_not_seen() -> None:
    node = load_inventory(Path("mine.yml"), OLDER).nodes["vgpu"]
    [_, line] = init_lines(Findings("x", (Machine(node, trouble="no route to host"),)))
    assert line.startswith('gpus: {undecided: "vgpu could not be looked at')


class NoLink:
    """A link over which nothing may be asked."""

    def ask(self, commands: list[Command], room: int) -> list[Output]:
        raise AssertionError(f"asked {commands}, {room}")


def test_another_container_with_the_same_name_is_not_taken_for_the_worker() -> None:
    other = Container("5e" * 32, "rodan_gpu-celery.1.x", labels=CONTAINER.labels, pid=4712)
    fleet = gpu_fleet({("vgpu", "containers"): Containers("present", (other,))})
    assert judged_verdict(REACHED, fleet).outcome is Outcome.UNKNOWN
    assert isinstance(fleet.of("vgpu", Facts), Facts)
