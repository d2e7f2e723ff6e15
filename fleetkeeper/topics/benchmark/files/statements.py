"""What files say of images and of what is unclear, as findings and parts of the promises that nodes are judged by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fleetkeeper.inventory.benchmark_ids import in_editions
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.rule import Rule, Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.compose.document import Path as DocumentPath
from fleetkeeper.readers.docker.build_steps import BuildStep, build_notes
from fleetkeeper.readers.docker.dockerfile import Dockerfile
from fleetkeeper.topics.benchmark.files.inspected_services import FileService
from fleetkeeper.topics.containers.rules import RULES as CONTAINER_RULES
from fleetkeeper.topics.images.rules import RULES as IMAGE_RULES
from fleetkeeper.topics.images.rules import image_name, is_listed
from fleetkeeper.transport.commands import Unobservable

HERE = "file"
"""The name of the one node on which the containers of a file stand."""
LIMITS = ("deploy", "resources", "limits")
WRITTEN: dict[str, tuple[DocumentPath, ...]] = {
    "5.2": (("security_opt",),),
    "5.3": (("security_opt",),),
    "5.4": (("cap_add",), ("cap_drop",), ("privileged",)),
    "5.5": (("privileged",), ("security_opt",)),
    "5.6": (("volumes",),),
    "5.8": (("ports",),),
    "5.9": (("ports",),),
    "5.10": (("network_mode",), ("networks",)),
    "5.11": ((*LIMITS, "memory"), ("mem_limit",), ("deploy",)),
    "5.12": ((*LIMITS, "cpus"), ("cpus",), ("deploy",), ("cpu_shares",), ("cpu_quota",), ("cpuset",)),
    "5.13": (("read_only",),),
    "5.14": (("ports",),),
    "5.15": (("deploy", "restart_policy"), ("restart",), ("deploy",)),
    "5.16": (("pid",),),
    "5.17": (("ipc",),),
    "5.18": (("devices",), ("device_cgroup_rules",), ("deploy",)),
    "5.19": (("ulimits",),),
    "5.20": (("volumes",),),
    "5.21": (("uts",),),
    "5.22": (("security_opt",), ("privileged",)),
    "5.25": (("cgroup_parent",),),
    "5.26": (("security_opt",),),
    "5.29": ((*LIMITS, "pids"), ("pids_limit",), ("deploy",)),
    "5.30": (("network_mode",), ("networks",)),
    "5.31": (("userns_mode",),),
    "5.32": (("use_api_socket",), ("volumes",)),
}
"""What a file says about each number: the keys of a service, the first that it has is where a finding stands."""
KEYS_OF_IMAGES: dict[str, tuple[DocumentPath, ...]] = {
    "4.1": (("user",),),
    "4.2": (("image",),),
    "4.6": (("healthcheck",),),
    "5.27": (("healthcheck",),),
}
IN_DOCKERFILES = ("4.1", "4.2", "4.6", "4.7", "4.9", "4.10")
ABSENCE_IS_WRONG = ("5.11", "5.12", "5.13", "5.15", "5.26", "5.29")
"""Numbers that a service breaks by saying nothing: where what it says is unclear, that is no finding."""
NOT_FOLLOWED = ("extends",)
"""Keys by which a service takes more from elsewhere, which is not read."""
ENGINE_ALONE = "`docker stack deploy` ignores `security_opt`: the engine's own default (2.15) decides"
ROOT_NAMES = ("root", "0", "toor")
NO_USER = "no USER: it starts as root, unless its base says otherwise"
UNHEALTHY = "only the program itself knows whether it still works"
USERS, HEALTH, TRUSTED = "containers.run_as_their_own_user", "containers.are_health_checked", "images.are_trusted"
BUILT = "images.are_built_well"
RULE_OF = {"4.1": USERS, "4.2": TRUSTED, "4.6": HEALTH, "4.7": BUILT, "4.9": BUILT, "4.10": BUILT}
REAL_RULES = {rule.id: rule for rule in (*CONTAINER_RULES, *IMAGE_RULES)}


@dataclass(frozen=True)
class Statement:
    """What is said of a file without a look: the id of the rule it belongs to, its ids, and a finding or a part."""

    rule: str
    ids: tuple[str, ...]
    content: Finding | Part


def unclear_parts(services: Sequence[FileService], numbers: set[str]) -> Iterator[Statement]:
    """What could not be judged, as a key of a service depends on what is not here."""
    for service in services:
        for number in sorted(numbers):
            if why := unclear_reason(service, number):
                ids = in_editions(number)
                yield Statement(BUILT, ids, Part(ids, Unobservable(f"{service.name}: {why}")))


def unclear_reason(service: FileService, number: str) -> str:
    """Why a service cannot be judged by a number; empty where it can."""
    for key in NOT_FOLLOWED:
        if key in service.values:
            return f"`{key}` is not followed"
    keys = {path[0] for path in WRITTEN[number]}
    return next((f"{key}: {why}" for key, why in service.unclear.items() if key in keys), "")


def image_statements(
    path: str,
    services: Sequence[FileService],
    builds: Mapping[Path, Dockerfile],
    policy: Benchmark,
) -> Iterator[Statement]:
    """What a file says of images, their users and health checks."""
    for service in services:
        build = dockerfile_of(path, service, builds)
        yield from user_statements(service, build)
        yield from health_statements(service, build)
        yield from name_statements(service, policy)


def dockerfile_of(path: str, service: FileService, builds: Mapping[Path, Dockerfile]) -> Dockerfile | None:
    """The Dockerfile, of those that were given, from which a service is built; None without one."""
    build = service.values.get("build")
    context = build if isinstance(build, str) else build.get("context") if isinstance(build, dict) else None
    name = build.get("dockerfile") if isinstance(build, dict) else None
    if not isinstance(context, str):
        return None
    return builds.get((Path(path).parent / context / str(name or "Dockerfile")).resolve())


def user_statements(service: FileService, build: Dockerfile | None) -> Iterator[Statement]:
    """What a file says about the user of a service."""
    ids, user = in_editions("4.1"), service.values.get("user")
    text = user if isinstance(user, str) else ""
    if "user" in service.unclear:
        yield Statement(BUILT, ids, Part(ids, Unobservable(f"{service.name}: {service.unclear['user']}")))
    elif text and is_root(text):
        yield Statement(
            USERS, ids, finding_of_service(service, ids, f"{service.name} starts as {text}", "a user of its own")
        )
    elif not text and build is None:
        yield Statement(BUILT, ids, Part(ids, Unobservable(f"{service.name}: its image decides as whom it starts")))


def is_root(user: str) -> bool:
    """Whether a user of a file is root, by its name or number.

    >>> [is_root(user) for user in ("root", "0:0", "00", "1000:0", "www-data")]
    [True, True, True, False, False]
    """
    name = user.partition(":")[0].strip().strip("\"'")
    return name in ROOT_NAMES or (name.isascii() and name.isdigit() and int(name) == 0)


def health_statements(service: FileService, build: Dockerfile | None) -> Iterator[Statement]:
    """What a file says about the health check of a service."""
    for number in ("4.6", "5.27"):
        ids = in_editions(number)
        check = service.values.get("healthcheck")
        if service.container.has_healthcheck:
            continue
        if "healthcheck" in service.unclear:
            yield Statement(BUILT, ids, Part(ids, Unobservable(f"{service.name}: {service.unclear['healthcheck']}")))
        elif is_decided(check) or build:
            if build and not is_decided(check) and has_check(build):
                continue
            saw = f"{service.name} has no health check"
            yield Statement(HEALTH, ids, finding_of_service(service, ids, saw, "a health check", UNHEALTHY))
        else:
            why = f"{service.name}: only its image could have a health check"
            yield Statement(BUILT, ids, Part(ids, Unobservable(why)))


def is_decided(check: object) -> bool:
    """Whether a service says by itself what its health check is; one that only changes times leaves it to the image.

    >>> [is_decided(check) for check in ({"interval": "5s"}, {"test": ["NONE"]}, {"disable": "true"}, None)]
    [False, True, True, False]
    """
    return isinstance(check, dict) and bool({"test", "disable"} & check.keys())


def has_check(build: Dockerfile) -> bool:
    """Whether an image that is built has a health check, by its last HEALTHCHECK; options may stand before NONE."""
    step = build.last("HEALTHCHECK")
    words = [word for word in step.text.upper().split() if not word.startswith("--")] if step else []
    return bool(words) and words[0] != "NONE"


def name_statements(service: FileService, policy: Benchmark) -> Iterator[Statement]:
    """What a file says about where the image of a service comes from."""
    ids, written = in_editions("4.2"), service.values.get("image")
    if policy.registries is None:
        yield Statement(BUILT, ids, Part(ids, "no images are named that may run (`benchmark: {registries: […]}`)"))
    elif "image" in service.unclear:
        yield Statement(BUILT, ids, Part(ids, Unobservable(f"{service.name}: {service.unclear['image']}")))
    elif isinstance(written, str) and not is_listed(image_name(written, None), policy.registries):
        saw = f"{service.name} uses {written}, which is none of the images that may run"
        yield Statement(TRUSTED, ids, finding_of_service(service, ids, saw, "an image of `registries`"))


def finding_of_service(service: FileService, ids: tuple[str, ...], saw: str, want: str, why: str = "") -> Finding:
    """A warning about a service of a file."""
    number = ids[-1].partition(":")[2]
    return Finding(saw, f"{want} (CIS Docker {number})", why, HERE, service.name, "warning", cis=ids)


def step_statements(dockerfile: Dockerfile) -> Iterator[Statement]:
    """What single steps do, of any stage and before all: an update of its own, ADD, variables that hold a secret."""
    for step in (*dockerfile.before, *(step for stage in dockerfile.stages for step in stage.steps)):
        notes = build_notes([step], is_history=False)
        if notes.updates:
            saw = f"this step runs an update of {notes.updates[0]} and installs nothing"
            yield step_finding(step, "4.7", saw, "the update in the step that installs")
        if notes.added:
            yield step_finding(step, "4.9", f"ADD puts something into {notes.added[0]}", "COPY")
        if notes.secrets:
            saw = f"this step sets {', '.join(notes.secrets)}, which everybody who has the image can read"
            yield step_finding(step, "4.10", saw, "`RUN --mount=type=secret`, or a secret when it runs")


def result_statements(dockerfile: Dockerfile) -> Iterator[Statement]:
    """What an image that is built says of its user and its health check."""
    end = BuildStep("FROM", "", dockerfile.stages[-1].steps[0].line)
    user, ids = dockerfile.last("USER"), in_editions("4.1")
    if user is not None and "$" in user.text:
        yield Statement(BUILT, ids, Part(ids, Unobservable(f"line {user.line}: its user depends on a variable")))
    elif user is None:
        yield step_finding(
            end, "4.1", "no USER: it starts as root, unless its base says otherwise", "a USER of its own"
        )
    elif is_root(user.text):
        yield step_finding(user, "4.1", f"it starts as {user.text}", "a USER of its own")
    if not has_check(dockerfile):
        saw = "no HEALTHCHECK, and so no health check unless its base or the service has one"
        yield step_finding(dockerfile.last("HEALTHCHECK") or end, "4.6", saw, "a HEALTHCHECK", UNHEALTHY)


def base_statements(dockerfile: Dockerfile, policy: Benchmark) -> Iterator[Statement]:
    """What a Dockerfile says about the images that it begins from."""
    ids = in_editions("4.2")
    if policy.registries is None:
        yield Statement(BUILT, ids, Part(ids, "no images are named that may run (`benchmark: {registries: […]}`)"))
        return
    for name, line in dockerfile.images:
        if not name:
            yield Statement(BUILT, ids, Part(ids, Unobservable(f"line {line}: its base depends on a variable")))
        elif not is_listed(image_name(name, None), policy.registries):
            saw = f"it begins from {name}, which is none of the images that may run"
            yield step_finding(BuildStep("FROM", "", line), "4.2", saw, "an image of `registries`")


def step_finding(step: BuildStep, number: str, saw: str, want: str, why: str = "") -> Statement:
    """A warning about a step of a Dockerfile."""
    ids = in_editions(number)
    about = f"{step.instruction}:{step.line}"
    finding = Finding(saw, f"{want} (CIS Docker {number})", why, HERE, about, "warning", cis=ids)
    return Statement(RULE_OF[number], ids, finding)


def rules_of_statements(statements: Sequence[Statement]) -> Iterator[Rule]:
    """Rules that yield what is said of a file, each under the id of a real one, so that waivers mean the same."""
    for name in dict.fromkeys(statement.rule for statement in statements):
        own = [statement for statement in statements if statement.rule == name]
        real = REAL_RULES[name]

        def judge(fleet: Fleet, subject: Subject, own: Sequence[Statement] = tuple(own)) -> Iterator[Finding | Part]:
            """What is said of the file."""
            yield from (statement.content for statement in own)

        judge.__name__ = real.name
        yield replace(real, judge=judge, looks_at=(), cis=tuple({each for statement in own for each in statement.ids}))
