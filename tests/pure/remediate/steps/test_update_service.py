"""Updating a swarm service: judged by its new tasks, stopped before started, and never left in between unsaid."""

from __future__ import annotations

import json
import string
from base64 import b64encode
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fleetkeeper.topics.services.facts import LENT
from fleetkeeper.topics.services.update_settings import CAREFUL, OWN_UPDATES, own_updates, with_defaults
from fleetkeeper.transport.commands import Output, Unobservable
from remediate.steps import AlreadyBack, Done, Lost, Stale, StepContext, StepFailed, UpdateService, dump, load
from remediate.steps.engine_api import open_engine
from remediate.steps.task_log import SHORT, secrets_of_service, strike_secrets
from remediate.steps.task_watch import Pace
from remediate.steps.update_service import GiveSettingsBack, finish_update
from tests.programs.remediate.steps.test_run_command import Answering

STEP = UpdateService("manager", "rodan_web", "django", "", "web:1", settle=3, limit=10)
SERVICE = {
    "ID": "s1",
    "Version": {"Index": 7},
    "Spec": {"TaskTemplate": {"ContainerSpec": {"Image": "web:1", "Env": ["SECRET=canary-4711"]}}},
}


def make_task(name: str, state: str, desired: str = "running", **status: str) -> dict[str, Any]:
    return {"ID": name, "DesiredState": desired, "Status": {"State": state, **status}}


class Swarm:
    """An engine whose tasks follow a script: one list of tasks for each time it is asked."""

    def __init__(
        self, *moments: list[dict[str, Any]], service: dict[str, Any] = SERVICE, update: str = "updating"
    ) -> None:
        self.moments, self.now, self.update_state = list(moments), deepcopy(service), update
        self.specs: list[dict[str, Any]] = []

    def service(self, name: str) -> dict[str, Any]:
        return (
            {**deepcopy(self.now), "UpdateStatus": {"State": self.update_state, "Message": "why"}}
            if self.specs
            else deepcopy(self.now)
        )

    def tasks(self, service: str) -> list[dict[str, Any]]:
        return self.moments.pop(0) if len(self.moments) > 1 else self.moments[0]

    def update(self, service: dict[str, Any], spec: dict[str, Any]) -> None:
        self.specs.append(spec)
        self.now["Spec"] = spec


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


NO_LOG = Output(1)


def updated(swarm: Swarm, step: UpdateService = STEP, log: Output = NO_LOG) -> Done:
    clock = Clock()
    return step.update(swarm, Answering(log), Pace(clock, clock.sleep))


OLD = make_task("old", "running")
GONE = make_task("old", "shutdown", "shutdown")


def test_new_tasks_that_keep_running_are_success_and_the_spec_differs_in_the_user_only() -> None:
    swarm = Swarm([OLD], [GONE, make_task("new", "starting")], [GONE, make_task("new", "running")])
    done = updated(swarm)
    assert (done.before, done.after) == ("", "django")
    [spec] = swarm.specs
    assert spec["TaskTemplate"]["ContainerSpec"] == {
        **SERVICE["Spec"]["TaskTemplate"]["ContainerSpec"],
        "User": "django",
    }


def test_case_63_a_new_task_that_ends_is_a_failure_with_the_engines_reason() -> None:
    swarm = Swarm([OLD], [GONE, make_task("new", "failed", Err="task: non-zero exit (1)")])
    with pytest.raises(StepFailed, match=r"failed: task: non-zero exit \(1\)") as failed:
        updated(swarm)
    assert failed.value.changed
    assert "docker service logs --tail 20 rodan_web` on manager" in failed.value.why


def test_a_task_that_runs_for_a_moment_and_then_ends_is_a_failure() -> None:
    swarm = Swarm(
        [OLD], [make_task("new", "running")], [make_task("new", "failed", Err="gone"), make_task("next", "ready")]
    )
    with pytest.raises(StepFailed, match="gone"):
        updated(swarm)


def test_a_task_that_never_comes_up_is_a_failure_at_the_limit() -> None:
    swarm = Swarm([OLD], [make_task("new", "pending", Message="no suitable node")])
    with pytest.raises(StepFailed, match="not healthy within 10 s: pending: no suitable node"):
        updated(swarm)


def test_swarms_own_pause_is_a_failure() -> None:
    swarm = Swarm([OLD], [make_task("new", "starting")], update="paused")
    with pytest.raises(StepFailed, match="swarm stopped the update: why"):
        updated(swarm)


def test_two_replicas_need_two_new_tasks() -> None:
    swarm = Swarm([OLD, make_task("old2", "running")], [make_task("new", "running"), make_task("new2", "starting")])
    with pytest.raises(StepFailed, match="not healthy"):
        updated(swarm)


@pytest.mark.parametrize("spec", [{"Image": "web:2"}, {"Image": "web:1", "User": "somebody"}])
def test_a_service_that_was_changed_since_is_not_updated(spec: dict[str, str]) -> None:
    service = deepcopy(SERVICE)
    service["Spec"] = {"TaskTemplate": {"ContainerSpec": spec}}
    swarm = Swarm([OLD], service=service)
    with pytest.raises(Stale):
        updated(swarm)
    assert swarm.specs == []


def test_a_service_without_running_tasks_cannot_be_proven_and_is_left_alone() -> None:
    swarm = Swarm([make_task("old", "shutdown", "shutdown")])
    with pytest.raises(Stale, match="no running task"):
        updated(swarm)
    assert swarm.specs == []


def test_the_way_back_mends_a_service_that_has_no_running_task_left() -> None:
    """What the new user broke: swarm has paused the update, and nothing runs or is meant to run."""
    service: dict[str, Any] = deepcopy(SERVICE)
    service["Spec"]["TaskTemplate"]["ContainerSpec"]["User"] = "django"
    ended = make_task("new", "failed", "shutdown")
    swarm = Swarm([ended], [ended, make_task("mended", "running")], service=service)
    back = STEP.inverse(Answering(Output(0)), StepContext("run", 1))
    assert updated(swarm, back).after == ""
    assert "User" not in swarm.specs[0]["TaskTemplate"]["ContainerSpec"]


def stacked(**spec: Any) -> dict[str, Any]:
    """A service that a stack file made."""
    labels = {"com.docker.stack.namespace": "rodan"}
    return {**deepcopy(SERVICE), "Spec": {**deepcopy(SERVICE["Spec"]), "Labels": labels, **spec}}


UPDATES = {"Order": "start-first", "FailureAction": "rollback", "Parallelism": 1}


def test_start_first_and_swarms_own_way_back_are_never_used_and_are_given_back_afterwards() -> None:
    swarm = Swarm([OLD], [make_task("new", "running")], service=stacked(UpdateConfig=UPDATES))
    updated(swarm)
    during, after = (spec["UpdateConfig"] for spec in swarm.specs)
    assert during == {"Order": "stop-first", "FailureAction": "pause", "Parallelism": 1}
    assert after == UPDATES


def test_a_service_gets_its_own_update_settings_back_when_its_change_is_taken_back_too() -> None:
    failing = Swarm([OLD], [GONE, make_task("new", "failed")], service=stacked(UpdateConfig=UPDATES))
    with pytest.raises(StepFailed):
        updated(failing)
    left = {**failing.now, "Spec": failing.specs[-1]}
    back = Swarm([GONE], [make_task("mended", "running")], service=left)
    updated(back, STEP.inverse(Answering(Output(0)), StepContext("run", 1)))
    assert back.specs[0]["UpdateConfig"]["Order"] == "stop-first"
    assert back.specs[-1] == stacked(UpdateConfig=UPDATES)["Spec"]


def test_careful_settings_are_left_as_they_are() -> None:
    swarm = Swarm([OLD], [make_task("new", "running")], service=stacked(UpdateConfig={"Parallelism": 2}))
    updated(swarm)
    [spec] = swarm.specs
    assert spec["UpdateConfig"] == {"Parallelism": 2}


def test_a_change_that_the_stack_file_may_not_have_is_marked_until_it_is_taken_back() -> None:
    swarm = Swarm([OLD], [make_task("new", "running")], service=stacked())
    updated(swarm)
    assert swarm.now["Spec"]["Labels"]["fleetkeeper.user"] == "django"
    back = Swarm([OLD], [make_task("new", "running")], service=swarm.now)
    updated(back, STEP.inverse(Answering(Output(0)), StepContext("run", 1)))
    assert back.specs == [stacked()["Spec"]]


def test_a_service_without_a_stack_file_is_not_marked() -> None:
    swarm = Swarm([OLD], [make_task("new", "running")])
    updated(swarm)
    assert swarm.specs[0]["Labels"] == {}


def test_many_replicas_have_the_limit_each_as_long_as_one_more_comes_up() -> None:
    ten = [make_task(f"old{n}", "running") for n in range(10)]
    moments = [[make_task(f"n{k}", "running" if k < n else "starting") for k in range(10)] for n in range(11)]
    slowly = [moment for moment in moments for _ in range(8)]
    assert updated(Swarm(ten, *slowly)).after == "django"


def test_a_replica_that_comes_and_goes_without_ending_is_not_waited_for_for_ever() -> None:
    up, down = [make_task("new", "running")], [make_task("new", "starting")]
    with pytest.raises(StepFailed, match="not healthy"):
        updated(Swarm([OLD], *([up, down] * 50), down))


# Its last words

SECRETS = ["DB_URL=postgres://rodan:hunter2@db/rodan", "PIN=7", "TOKEN=abc", "TZ=America/Toronto", "DEBUG=1"]


def failing(printed: bytes, **made: Any) -> tuple[str, ...]:
    service = deepcopy(SERVICE)
    service["Spec"]["TaskTemplate"]["ContainerSpec"] |= {"Env": SECRETS, **made}
    with pytest.raises(StepFailed) as failed:
        updated(Swarm([OLD], [GONE, make_task("new", "failed")], service=service), log=Output(0, printed))
    assert not any(word in failed.value.why for word in ("cannot", "hunter2"))
    return failed.value.words


def test_case_63_a_task_that_failed_is_quoted_with_its_last_lines() -> None:
    lines = [f"line {n}" for n in range(9)] + ["PermissionError: cannot write /srv/media"]
    assert failing("\n".join(lines).encode())[-2:] == ("line 8", "PermissionError: cannot write /srv/media")
    assert len(failing("\n".join(lines).encode())) == 5


@pytest.mark.parametrize(
    "printed",
    [
        "cannot connect to postgres://rodan:hunter2@db/rodan",
        "cannot log in: rodan / hunter2",
        "{'DB_URL': 'postgres%3A%2F%2Frodan%3Ahunter2%40db%2Frodan'}",
        "Authorization: " + b64encode(SECRETS[0].partition("=")[2].encode()).decode(),
    ],
)
def test_case_71_what_is_quoted_holds_no_value_of_the_environment_however_it_is_spelt(printed: str) -> None:
    [text] = failing(printed.encode())
    assert "hunter2" not in text
    assert "***" in text


@given(
    value=st.text(alphabet=string.ascii_letters + string.digits + "/+=:@%$-_. ", min_size=4, max_size=60).map(
        str.strip
    ),
    before=st.text(max_size=30),
    after=st.text(max_size=30),
)
def test_case_71_no_value_of_the_environment_is_ever_quoted_whole(value: str, before: str, after: str) -> None:
    assume(len(value) >= SHORT and value not in before + after)
    hidden = secrets_of_service({"Env": [f"ANY={value}"]})
    assert not any(value in line for line in strike_secrets(f"{before}{value}{after}", hidden))


def test_case_71_short_values_are_struck_out_where_their_name_says_that_they_are_secret() -> None:
    assert failing(b"pin 7 and abc with 1 error") == ("pin *** and *** with 1 error",)


def test_case_71_keys_that_nobody_told_us_of_are_struck_out_by_their_look() -> None:
    assert failing(b"using sk0live1Z3Z3kqLmNopQrStUvWx99 now") == ("using *** now",)
    assert failing(b"File /usr/lib/python3/dist-packages/django.py") == (
        "File /usr/lib/python3/dist-packages/django.py",
    )


def test_case_71_a_service_with_secrets_of_the_swarm_is_not_quoted() -> None:
    assert failing(b"cannot start", Secrets=[{"SecretName": "db"}]) == ()


def test_case_73_what_is_quoted_is_escaped_and_cut() -> None:
    [text] = failing(b"\x1b[31m::error::" + b"x y" * 400)
    assert text.startswith("\\x1b[31m::error::")
    assert len(text) == 200


def test_a_log_that_cannot_be_read_is_pointed_to_only() -> None:
    with pytest.raises(StepFailed, match="docker service logs") as failed:
        updated(Swarm([OLD], [GONE, make_task("new", "failed")]), log=Output(1, err=b"not supported by this driver"))
    assert failed.value.words == ()


def test_the_way_back_is_the_same_update_the_other_way_round_and_keeps_no_secret() -> None:
    back = STEP.inverse(Answering(Output(0)), StepContext("run", 1))
    assert (back.user, back.was, back.image) == ("", "django", "web:1")
    assert load(dump(back)) == back


@pytest.mark.parametrize(("printed", "stale"), [("\nweb:1\n", False), ("django\nweb:1\n", True), ("\nweb:2\n", True)])
def test_its_precondition_is_asked_with_the_docker_client(printed: str, stale: bool) -> None:
    link = Answering(Output(0, printed.encode()))
    if stale:
        with pytest.raises(Stale):
            STEP.still_true(link, StepContext("run", 1))
    else:
        STEP.still_true(link, StepContext("run", 1))


class Recorded:
    """A stream to an engine that answers each request with the next recorded reply."""

    def __init__(self, replies: list[bytes]) -> None:
        self.replies, self.sent, self.waiting = replies, b"", b""

    def write(self, data: bytes) -> None:
        self.sent += data
        if not self.waiting:
            self.waiting = self.replies.pop(0) if self.replies else b""

    def read(self, size: int = 65536) -> bytes:
        part, self.waiting = self.waiting[:size], self.waiting[size:]
        return part

    def close(self) -> None: ...


class Dialled(Answering):
    def __init__(self, replies: list[bytes]) -> None:
        super().__init__(Output(0))
        self.stream = Recorded(replies)

    def open(self, words: tuple[str, ...], sudo: bool = False):
        assert words == ("docker", "system", "dial-stdio")
        return self.stream


def make_reply(body: str, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body.encode()


def test_the_engine_is_spoken_to_over_our_own_stream_in_its_own_version() -> None:
    link = Dialled([make_reply('{"ApiVersion": "1.41"}'), make_reply('{"ID": "s1"}')])
    with open_engine(link) as swarm:
        assert swarm.service("web") == {"ID": "s1"}
    assert b"GET /v1.41/services/web" in link.stream.sent


def test_a_version_index_that_is_out_of_date_is_stale() -> None:
    refusal = make_reply('{"message": "rpc error: update out of sequence"}', "500 Internal Server Error")
    with (
        open_engine(Dialled([make_reply('{"ApiVersion": "1.41"}'), refusal])) as swarm,
        pytest.raises(Stale, match="at this moment"),
    ):
        swarm.update(SERVICE, {})


def test_an_update_that_the_engine_refuses_changed_nothing() -> None:
    refusal = make_reply('{"message": "invalid user"}', "400 Bad Request")
    with open_engine(Dialled([make_reply('{"ApiVersion": "1.41"}'), refusal])) as swarm:
        with pytest.raises(StepFailed, match="invalid user") as failed:
            swarm.update(SERVICE, {})
        assert not failed.value.changed


def test_an_engine_that_hangs_up_before_anything_was_sent_changed_nothing() -> None:
    with pytest.raises(StepFailed, match="did not answer") as failed, open_engine(Dialled([])):
        pass
    assert not failed.value.changed


def test_case_69_an_engine_that_hangs_up_later_leaves_it_unknown() -> None:
    with pytest.raises(Lost), open_engine(Dialled([make_reply('{"ApiVersion": "1.41"}')])) as swarm:
        swarm.service("web")


@pytest.mark.parametrize("image", ["web:1", "web:2"])
def test_the_way_back_of_an_update_that_never_happened_is_nothing_to_do(image: str) -> None:
    link = Answering(Output(0, f"{STEP.was}\n{image}\n".encode()))
    back = STEP.inverse(link, StepContext("run", 1))
    with pytest.raises(AlreadyBack, match="has its old user"):
        back.still_true(link, StepContext("run", 2))


# What a killed run has left


BACK = STEP.inverse(Answering(Output(0)), StepContext("run", 1))
CONFIGS = st.none() | st.fixed_dictionaries(
    {"Parallelism": st.integers(0, 3)},
    optional={
        "Order": st.sampled_from(["start-first", "stop-first"]),
        "FailureAction": st.sampled_from(["pause", "continue", "rollback"]),
        "Monitor": st.just(5 * 10**9),
    },
)


class Killed(BaseException):
    """The controller is killed here."""


class Mortal(Swarm):
    """An engine whose tasks follow its spec at once, and whose caller may be killed around each write.

    It keeps every settings under which tasks were replaced.
    """

    def __init__(self, updates: Any, alive: int) -> None:
        super().__init__([make_task("t0", "running")], service=stacked(UpdateConfig=updates))
        self.alive, self.under, self.number = alive, [], 0

    def update(self, service: dict[str, Any], spec: dict[str, Any]) -> None:
        self.dies()
        if spec["TaskTemplate"] != self.now["Spec"]["TaskTemplate"]:
            self.under.append(spec.get("UpdateConfig") or {})
            self.number += 1
            self.moments = [[make_task(f"t{self.number}", "running")]]
        super().update(service, deepcopy(spec))
        self.dies()

    def dies(self) -> None:
        self.alive -= 1
        if self.alive == 0:
            raise Killed

    def finishes(self) -> None:
        """What the next `--fix` does about the finding."""
        if OWN_UPDATES in self.now["Spec"]["Labels"]:
            clock = Clock()
            given = GiveSettingsBack("manager", "rodan_web", 3, 10)
            finish_update(self, given, unmark=False, confirm=lambda: None, pace=Pace(clock, clock.sleep))


@given(
    first=CONFIGS,
    runs=st.lists(st.tuples(st.integers(1, 9), st.none() | st.tuples(CONFIGS)), max_size=5),
    last=st.sampled_from(["fix", "undo"]),
)
def test_whatever_is_killed_and_set_meanwhile_nothing_starts_first_and_the_newest_own_settings_come_back(
    first: Any, runs: list[Any], last: str
) -> None:
    """Runs there and back, each killed after some writes; in between the owner sets settings of their own."""
    swarm, newest = Mortal(first, 0), first
    for alive, owner in runs:
        swarm.alive = alive
        forward = "User" not in swarm.now["Spec"]["TaskTemplate"]["ContainerSpec"]
        with suppress(Killed):
            updated(swarm, STEP if forward else BACK)
        kept = own_updates(swarm.now["Spec"])
        if owner is not None and (kept is None or with_defaults(owner[0] or {}) != with_defaults({**kept, **CAREFUL})):
            newest = owner[0]  # settings that are exactly ours cannot be told from ours
            swarm.now["Spec"]["UpdateConfig"] = newest
    swarm.alive = 0
    if last == "undo" and "User" in swarm.now["Spec"]["TaskTemplate"]["ContainerSpec"]:
        updated(swarm, BACK)
    swarm.finishes()
    assert all(config.get("Order", "stop-first") == "stop-first" for config in swarm.under)
    assert all(config.get("FailureAction", "pause") == "pause" for config in swarm.under)
    assert (swarm.now["Spec"].get("UpdateConfig") or None) == (newest or None)
    assert OWN_UPDATES not in swarm.now["Spec"]["Labels"]


def said_of(user: str, labels: dict[str, str] | None) -> Answering:
    return Answering(Output(0, f"{user}\nweb:1\n{json.dumps(labels)}\n".encode()))


@pytest.mark.parametrize("labels", [{OWN_UPDATES: "{}"}, {LENT: "django"}, {OWN_UPDATES: "{}", LENT: "django"}])
def test_an_undo_is_only_over_once_user_and_labels_are_back(labels: dict[str, str]) -> None:
    BACK.still_true(said_of("", labels), StepContext("run", 2))
    with pytest.raises(AlreadyBack):
        BACK.still_true(said_of("", {"a": "b", LENT: "somebody"}), StepContext("run", 2))
    with pytest.raises(AlreadyBack):
        BACK.still_true(said_of("", None), StepContext("run", 2))


def test_labels_that_are_not_understood_are_not_taken_for_none() -> None:
    with pytest.raises(Unobservable, match="not understood"):
        BACK.still_true(Answering(Output(0, b"\nweb:1\n{\n")), StepContext("run", 2))


def test_an_undo_that_was_killed_in_its_watch_is_watched_to_its_end_and_gives_the_settings_back() -> None:
    left = {OWN_UPDATES: json.dumps(UPDATES), LENT: "django", "com.docker.stack.namespace": "rodan"}
    service = stacked(UpdateConfig={**UPDATES, **CAREFUL}, Labels=left)
    starting, up = [GONE, make_task("back", "starting")], [GONE, make_task("back", "running")]
    swarm = Swarm(starting, starting, up, service=service)
    updated(swarm, BACK)
    assert swarm.specs == [stacked(UpdateConfig=UPDATES)["Spec"]]
    failing = Swarm(starting, [GONE, make_task("back", "failed", Err="gone")], service=service)
    with pytest.raises(StepFailed, match="not given back yet"):
        updated(failing, BACK)
    assert failing.specs == []


def test_an_undo_whose_update_the_swarm_has_stopped_brings_the_old_user_up_once_more() -> None:
    left = {OWN_UPDATES: json.dumps(UPDATES), "com.docker.stack.namespace": "rodan"}
    service = {**stacked(UpdateConfig={**UPDATES, **CAREFUL}, Labels=left), "UpdateStatus": {"State": "paused"}}
    swarm = Swarm([make_task("dead", "failed", "shutdown")], [make_task("mended", "running")], service=service)
    updated(swarm, BACK)
    again, last = swarm.specs
    assert (again["TaskTemplate"]["ForceUpdate"], again["UpdateConfig"]["Order"]) == (1, "stop-first")
    assert (last["UpdateConfig"], OWN_UPDATES in last["Labels"]) == (UPDATES, False)


def test_settings_are_not_given_back_while_the_swarm_has_stopped_the_update() -> None:
    labels = {OWN_UPDATES: json.dumps(UPDATES)}
    service = {**stacked(UpdateConfig={**UPDATES, **CAREFUL}, Labels=labels), "UpdateStatus": {"State": "paused"}}
    swarm, clock = Swarm([OLD], service=service), Clock()
    swarm.specs.append({})
    swarm.update_state = "paused"
    with pytest.raises(StepFailed, match="swarm stopped the update") as failed:
        finish_update(swarm, STEP.given, unmark=False, confirm=lambda: None, pace=Pace(clock, clock.sleep))
    assert not failed.value.changed
    assert swarm.specs == [{}]


def test_settings_wait_until_no_old_task_is_left_that_would_be_replaced_their_way() -> None:
    many = [make_task("old", "running"), make_task("old2", "pending")]
    half = [GONE, make_task("old2", "pending"), make_task("new", "running")]
    swarm = Swarm(many, *[half] * 5, [GONE, make_task("new", "running"), make_task("new2", "running")])
    swarm.now["Spec"]["UpdateConfig"] = UPDATES
    updated(swarm)
    assert swarm.moments[0][-1]["ID"] == "new2"
    assert swarm.now["Spec"]["UpdateConfig"] == UPDATES


def test_the_lock_is_asked_for_again_before_the_settings_are_given_back() -> None:
    swarm, clock, question = (
        Swarm([OLD], [make_task("new", "running")], service=stacked(UpdateConfig=UPDATES)),
        Clock(),
        [],
    )

    def confirm() -> None:
        question.append(len(swarm.specs))
        if len(question) == 2:
            raise Lost("the lock is not ours any more")

    with pytest.raises(Lost):
        STEP.update(swarm, Answering(NO_LOG), Pace(clock, clock.sleep), confirm)
    assert (question, len(swarm.specs)) == ([0, 1], 1)


def test_somebody_who_changes_the_service_in_the_same_moment_is_read_again() -> None:
    class Disturbed(Swarm):
        """Somebody sets settings of their own just before ours are given back, once."""

        def update(self, service: dict[str, Any], spec: dict[str, Any]) -> None:
            if len(self.specs) == 1 and self.now["Spec"]["UpdateConfig"]["Parallelism"] == 1:
                self.now["Spec"]["UpdateConfig"] = {"Order": "start-first", "Parallelism": 7}
                raise Stale("out of sequence")
            super().update(service, spec)

    swarm = Disturbed([OLD], [make_task("new", "running")], service=stacked(UpdateConfig=UPDATES))
    updated(swarm)
    assert swarm.now["Spec"]["UpdateConfig"] == {"Order": "start-first", "Parallelism": 7}
    assert OWN_UPDATES not in swarm.now["Spec"]["Labels"]
