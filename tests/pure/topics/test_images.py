"""Images: a node whose images are as they should be, and the same with one thing broken at a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.inventory.benchmark_ids import in_editions
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.look import drive_in_lockstep
from fleetkeeper.readers.docker.build_secrets import is_secret_name, is_secret_value
from fleetkeeper.readers.docker.inspection import inspect_containers
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.images import TOPIC
from fleetkeeper.topics.images.facts import Facts
from fleetkeeper.topics.images.observe import MOST_IMAGES, inspect_images, named_images
from fleetkeeper.topics.images.parse import parse_images
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.transport.commands import Command, Output, Unobservable

RULES = {rule.name: rule for rule in TOPIC.rules}
OLDER = """
nodes: {here: {connection: local, sudo: true}}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
"""
ASKED = "benchmark: {}\n"
POLICY = """
benchmark:
  level: 2
  registries: ["ours/*", postgres]
  image_age: 90
  built_images: ["ours/*"]
  look_for_setuid: true
  setuid_files: [/bin/su]
"""
NOW = datetime(2026, 11, 30, tzinfo=UTC)
WEB, BASE = "a" * 64, "b" * 64
BASE_STEPS = [
    "/bin/sh -c #(nop) ADD file:4f in / ",
    '/bin/sh -c #(nop)  CMD ["bash"]',
]
WEB_STEPS = [
    *BASE_STEPS,
    "ENV GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305",
    "RUN /bin/sh -c apt-get update && apt-get install -y curl # buildkit",
    "ARG VERSION=3",
    "COPY app /srv # buildkit",
    "USER www-data",
]


def image_document(name: str, tag: str, layers: list[str], **changes: Any) -> dict[str, Any]:
    return {
        "Id": f"sha256:{name}",
        "RepoTags": [tag],
        "RepoDigests": [],
        "Created": "2026-11-01T10:00:00.5Z",
        "Config": {"Env": ["PATH=/bin", "GPG_KEY=?"]},
        "RootFS": {"Type": "layers", "Layers": layers},
        **changes,
    }


def printed_images(
    *,
    steps: list[str] | None = WEB_STEPS,
    setuid: tuple[str, ...] | None = ("/bin/su",),
    base_steps: list[str] | None = BASE_STEPS,
    **changes: Any,
) -> str:
    """What the script prints about an image that is built here, and its base, which a container uses too."""
    images = [image_document(WEB, "ours/web:1", ["l1", "l2"], **changes), image_document(BASE, "postgres:16", ["l1"])]
    rows = ["=images", *(f" {line}" for line in json.dumps(images, indent=1).splitlines())]
    for name, written in ((WEB, steps), (BASE, base_steps)):
        if written is not None:
            rows += [f"=history {name}", *(f" {json.dumps(step)}" for step in reversed(written))]
        if setuid is not None:
            rows += [f"=setuid {name}", *(f" {path}" for path in setuid)]
    return "\n".join([*rows, "=end", ""])


GOOD = printed_images()
USED = (
    Container("1", "shop-web-1", image="ours/web:1", image_id=f"sha256:{WEB}", pid=41),
    Container("2", "db", image="docker.io/library/postgres:16", image_id=f"sha256:{BASE}", pid=42),
)


def look_at_images(text: str = GOOD, written: str = OLDER + POLICY, containers: tuple[Container, ...] = USED) -> Fleet:
    facts = {("here", "images"): parse_images(text), ("here", "containers"): Containers("present", containers)}
    return Fleet(load_inventory(Path("mine.yml"), written), NOW, facts)


def looks() -> dict[str, Fleet]:
    """Looks for the tests that go over all topics."""
    broken = printed_images(
        steps=[*WEB_STEPS, "ENV DB_PASSWORD=x", "ADD https://x /opt", "RUN apk update"], setuid=("/x",)
    )
    return {"clean": look_at_images(), "broken": look_at_images(broken)}


def verdict_of_images(rule: str, text: str = GOOD, written: str = OLDER + POLICY) -> Verdict:
    return judge_subject(RULES[rule], look_at_images(text, written), Subject("node", "here"))


def broken_ids(verdict: Verdict) -> list[str]:
    return [finding.cis[-1].removeprefix("1.8:") for finding in verdict.warnings]


@pytest.mark.parametrize("rule", RULES)
def test_good_images_hold(rule: str) -> None:
    verdict = verdict_of_images(rule)
    assert (verdict.outcome, verdict.warnings, verdict.parts) == (Outcome.HOLDS, (), ())


@pytest.mark.parametrize(
    ("step", "number", "saw"),
    [
        ("RUN /bin/sh -c apt-get -y update # buildkit", "4.7", "an update of apt-get and installs nothing"),
        ("RUN |1 A=b /bin/sh -c apk update # buildkit", "4.7", "an update of apk"),
        ("/bin/sh -c yum -y update", "4.7", "an update of yum"),
        ("ADD app.tgz /srv # buildkit", "4.9", "ours/web (shop-web-1): /srv"),
        ("/bin/sh -c #(nop) ADD file:12 in /etc/x ", "4.9", "/etc/x"),
        ("ENV DB_PASSWORD=geheim", "4.10", "the build of ours/web (shop-web-1) set DB_PASSWORD"),
        ("ENV DB_PASSWORD geheim with blanks", "4.10", "DB_PASSWORD"),
        ("ENV A=b 'API_KEY=geheim'", "4.10", "API_KEY"),
        ("ARG npm_token=geheim", "4.10", "npm_token"),
        ("RUN |2 A=b NPM_TOKEN=geheim /bin/sh -c npm ci # buildkit", "4.10", "NPM_TOKEN"),
        ("RUN |2 A=b c NPM_TOKEN=geheim /bin/sh -c npm ci # buildkit", "4.10", "NPM_TOKEN"),
        ("RUN /bin/sh -c export NPM_TOKEN=geheim && npm ci # buildkit", "4.10", "NPM_TOKEN"),
        ("/bin/sh -c set -e; export A=b 'API_KEY=geheim'; make", "4.10", "API_KEY"),
        ("RUN /bin/sh -c PASSWORD=geheim command", "4.10", "PASSWORD"),
        ("RUN /bin/sh -c printf 'x\\n' && (DB_PASS=geheim ./migrate)", "4.10", "DB_PASS"),
        ("RUN /bin/sh -c printf 'DB_PASS=%s' \"it's\" DB_PWD=geheim", "4.10", "DB_PWD"),
        ("ENV spring.datasource.password=geheim", "4.10", "spring.datasource.password"),
        ("ENV mysql-pass geheim", "4.10", "mysql-pass"),
        ("ARG PASSWORD2=geheim", "4.10", "PASSWORD2"),
        ("ENV SECRETKEY=geheim", "4.10", "SECRETKEY"),
        ("ENV TOKEN=${TOKEN:-geheim}", "4.10", "TOKEN"),
        ("ENV DATABASE_URL=postgres://app:geheim@db:5432/x", "4.10", "a password in an address of db"),
        ("ARG PROXY=http://me:geheim@proxy.example:3128", "4.10", "a password in an address of proxy.example"),
        ("RUN |1 HTTPS_PROXY=http://me:geheim@proxy.example /bin/sh -c make", "4.10", "an address of proxy.example"),
        ("RUN /bin/sh -c git clone https://oauth2:geheim@git.example/x.git", "4.10", "an address of git.example"),
        ("RUN /bin/sh -c pip install git+https://ghp_geheimgeheimgeheim@git.example/x", "4.10", "of git.example"),
        ("LABEL source=https://me:geheim@git.example/x", "4.10", "of git.example"),
    ],
)
def test_case_103_a_step_of_a_build_that_is_wrong_is_told_without_any_value(step: str, number: str, saw: str) -> None:
    verdict = verdict_of_images("are_built_well", printed_images(steps=[*WEB_STEPS, step]))
    [warning] = verdict.warnings
    assert broken_ids(verdict) == [number]
    assert saw in warning.saw
    assert "geheim" not in repr(verdict)


@pytest.mark.parametrize(
    "step",
    [
        "RUN /bin/sh -c apt-get update && apt-get install -y x",
        "RUN /bin/sh -c set -eux; apk add --no-cache x",
        "RUN /bin/sh -c echo apt-get",
        "COPY ADD /srv",
        "ENV ALLOW_EMPTY_PASSWORD=no",
        "ENV POSTGRES_PASSWORD_FILE=/run/secrets/db",
        "ENV DB_PASSWORD=",
        "ENV DB_PASSWORD=$OTHER",
        "ENV TOKENIZERS_PARALLELISM=false NGINX_GPGKEYS=4f RABBITMQ_PGP_KEY_ID=0x0A9AF2115F4687BD",
        "ARG TOKEN",
        "RUN /bin/sh -c export NPM_TOKEN=$(cat /run/secrets/npm) && npm ci",
        'RUN /bin/sh -c export NPM_TOKEN="$(cat /run/secrets/npm)"; npm ci',
        "RUN |1 NPM_TOKEN= /bin/sh -c npm ci",
        "RUN /bin/sh -c TOKEN=`cat /run/secrets/npm` npm ci",
        "RUN /bin/sh -c : ${DB_PASSWORD:?is missing} && export DB_PASSWORD=${DB_PASSWORD:-}",
        "RUN /bin/sh -c git clone https://git@git.example/x ssh://git@git.example:22/y https://me:$TOKEN@git.example/z",
        "ENV PIP_INDEX_URL=https://pypi.example:8443/simple MIRROR=http://a.example/@scope/x",
        "COPY https://downloads.example/x@1:2/y /opt",
    ],
)
def test_an_ordinary_step_is_let_be(step: str) -> None:
    assert verdict_of_images("are_built_well", printed_images(steps=[*WEB_STEPS, step])).warnings == ()


def test_the_steps_of_a_base_image_that_is_here_too_are_not_ours() -> None:
    base = [*BASE_STEPS, "ADD x /opt", "RUN apt-get update"]
    steps = [*base, *WEB_STEPS[2:]]
    assert verdict_of_images("are_built_well", printed_images(steps=steps, base_steps=base)).warnings == ()
    alone = verdict_of_images("are_built_well", printed_images(steps=steps))
    assert broken_ids(alone) == ["4.7", "4.9"]


def test_a_secret_is_one_whoever_built_the_image() -> None:
    base = [*BASE_STEPS, "ENV ROOT_PASSWORD=geheim"]
    verdict = verdict_of_images("are_built_well", printed_images(steps=[*base, *WEB_STEPS[2:]], base_steps=base))
    assert broken_ids(verdict) == ["4.10", "4.10"]


def test_a_secret_in_the_configuration_alone_is_one() -> None:
    verdict = verdict_of_images(
        "are_built_well",
        printed_images(Config={"Env": ["DB_PASSWORD=?", "DB_URL=?address", "B_PASSWORD=", "C_TOKEN=no"]}),
    )
    [warning] = verdict.warnings
    assert "DB_PASSWORD, a password in DB_URL" in warning.saw
    assert " B_PASSWORD" not in warning.saw
    assert "C_TOKEN" not in warning.saw


def test_a_set_uid_file_that_is_not_named_is_told() -> None:
    verdict = verdict_of_images("are_built_well", printed_images(setuid=("/bin/su", "/opt/x")))
    assert broken_ids(verdict) == ["4.8", "4.8"]
    assert "/opt/x" in verdict.warnings[0].saw
    assert "/bin/su" not in verdict.warnings[0].saw


def test_an_old_image_is_told_and_one_without_a_date_is_unknown() -> None:
    old = verdict_of_images("are_recent", printed_images(Created="2026-01-01T00:00:00Z"))
    assert (broken_ids(old), "333 days ago" in old.warnings[0].saw) == (["4.4"], True)
    for undated in ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "", "soon"):
        assert verdict_of_images("are_recent", printed_images(Created=undated)).outcome is Outcome.UNKNOWN


def test_an_image_that_is_not_named_is_told_with_its_service() -> None:
    verdict = verdict_of_images("are_trusted", written=OLDER + POLICY.replace(", postgres", ""))
    [warning] = verdict.warnings
    assert warning.saw == "docker.io/library/postgres (db) is none of the images that may run"
    assert warning.cis == in_editions("4.2")


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("are_built_well", printed_images(steps=None)),
        ("are_built_well", printed_images(setuid=None)),
        ("are_built_well", printed_images(base_steps=None)),
        ("are_built_well", GOOD.replace(f"=history {WEB}\n", f'=history {WEB}\n "cut\n')),
        ("are_recent", printed_images(Id=f"sha256:{'c' * 64}")),
    ],
)
def test_what_the_engine_does_not_tell_is_unknown(rule: str, text: str) -> None:
    assert verdict_of_images(rule, text).outcome is Outcome.UNKNOWN


def test_an_unknown_history_of_one_image_hides_nothing_of_another() -> None:
    verdict = verdict_of_images("are_built_well", printed_images(steps=[*WEB_STEPS, "ENV A_TOKEN=x"], base_steps=None))
    assert broken_ids(verdict) == ["4.10"]
    assert verdict.outcome is Outcome.UNKNOWN


def test_without_lines_of_policy_only_secrets_are_looked_for() -> None:
    for rule in ("are_trusted", "are_recent"):
        assert verdict_of_images(rule, written=OLDER + ASKED).outcome is Outcome.NOT_APPLICABLE
    verdict = verdict_of_images(
        "are_built_well", printed_images(steps=[*WEB_STEPS, "ADD x /", "ENV A_TOKEN=x"]), OLDER + ASKED
    )
    assert (verdict.outcome, broken_ids(verdict)) == (Outcome.HOLDS, ["4.10"])
    assert {part.cis[-1] for part in verdict.parts} == {"1.8:4.7", "1.8:4.8", "1.8:4.9"}


def test_an_image_that_is_used_by_its_id_goes_by_its_tag() -> None:
    used = (Container("1", "web", image=f"sha256:{WEB}", image_id=f"sha256:{WEB}"),)
    verdict = judge_subject(RULES["are_trusted"], look_at_images(containers=used), Subject("node", "here"))
    assert verdict.outcome is Outcome.HOLDS


def test_containers_are_asked_for_once_and_images_only_where_some_are_used() -> None:
    swarm_task = {"com.docker.swarm.service.name": "s"}
    ended = Container("3", "s.1.x", image_id=f"sha256:{'d' * 64}", labels=swarm_task, state="exited")
    many = [Container(str(n), str(n), image_id=f"sha256:{n:064x}") for n in range(MOST_IMAGES + 5)]
    assert named_images([*USED, ended, Container("4", "odd", image_id="../x")], look_for_setuid=False) == [
        f"{WEB}:0",
        f"{BASE}:0",
    ]
    assert named_images(USED, look_for_setuid=True) == [f"{WEB}:41", f"{BASE}:42"]
    assert len(named_images(many, look_for_setuid=True)) == MOST_IMAGES + 5


class OneAnswer:
    """A link to a node with one container, or without an engine."""

    def __init__(self, answer: Output) -> None:
        self.answer = answer
        self.asked: list[Command] = []

    def ask(self, commands: list[Command], room: int) -> list[Output]:
        self.asked += commands
        return [self.answer if command == inspect_containers() else Output(0, GOOD.encode()) for command in commands]


def test_the_look_takes_two_rounds_the_first_of_which_others_ask_too() -> None:
    inventory = load_inventory(Path("mine.yml"), OLDER + ASKED)
    [observer] = TOPIC.observers
    listed = json.dumps([{"Id": "1", "Name": "/web", "Image": f"sha256:{WEB}"}])
    for answer, count, facts in (
        (Output(69), 1, Facts("absent")),
        (Output(0, b"1764000000\n[]"), 1, Facts("present")),
        (Output(0, f"1764000000\n{listed}".encode()), 2, parse_images(GOOD)),
    ):
        link = OneAnswer(answer)
        seen = drive_in_lockstep({"images": observer.observe(inventory.nodes["here"], inventory)}, link)
        assert (len(link.asked), seen["images"]) == (count, facts)
    assert link.asked[1] == inspect_images([f"{WEB}:0"])
    without = load_inventory(Path("mine.yml"), OLDER + "benchmark: {none: not ours}\n")
    assert drive_in_lockstep({"images": observer.observe(without.nodes["here"], without)}, OneAnswer(Output(69))) == {
        "images": None
    }


@pytest.mark.parametrize("change", [lambda text: text[:-6], lambda text: "", lambda text: text.replace("[", "", 1)])
def test_an_answer_about_images_that_makes_no_sense_is_unknown(change: Any) -> None:
    with pytest.raises(Unobservable):
        parse_images(change(GOOD))


def test_names_of_secrets_are_told_from_names_about_them() -> None:
    secret = [
        "MYSQL_PASS",
        "DB_PWD",
        "SECRET_KEY",
        "jwtSecret",
        "GITHUB_TOKEN",
        "SSH_PRIVATE_KEY",
        "ACCOUNT_KEY",
        "STRIPE_API_KEY",
        "privatekey",
        "db.password",
        "DB-PASS",
        "PGPASS",
        "API-KEY",
        "PASSWORD_1",
        "accessKey",
        "DB_PW",
    ]
    public = [
        "GPG_KEYS",
        "PATH",
        "KEYBOARD",
        "SECRET_NAME",
        "TOKEN_TTL",
        "PASSWORD_POLICY",
        "SSH_PUBLIC_KEY",
        "COMPASS",
        "MONKEY",
        "BYPASS",
        "HTTP_PROXY",
        "NODE_VERSION",
        "PASSENGER_VERSION",
        "2",
    ]
    assert [name for name in secret if not is_secret_name(name)] == []
    assert [name for name in public if is_secret_name(name)] == []
    assert [value for value in ("", '""', "no", "/run/x", "${X}", "$X", "1") if is_secret_value(value)] == []
    assert is_secret_value("hunter2")
