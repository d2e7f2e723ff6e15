"""Mounts: what of the node they show behind links, options of volumes and other names of an engine's socket."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.topics.containers.facts import Container, Mount
from fleetkeeper.topics.containers.followed_mounts import paths_to_follow, with_targets
from fleetkeeper.transport.commands import Output, Unobservable
from tests.pure.topics.containers.test_benchmark_rules import GOOD, WRITTEN, verdict_about
from tests.pure.topics.test_engine import numbers

VOLUME = Mount("volume", "/var/lib/docker/volumes/conf/_data", "/x", "conf", "local")
PRINTED = """\
=volume conf bound
 /etc
=volume disk bound
 /dev/vdb1
=volume odd unclear
=volume sockets bound
 /srv/sockets
=mount plain
 /srv/link
 /etc
=mount engine
 /srv/other.sock
 /srv/other.sock
=mount engine
 /srv/rundir
 /run
=mount engine
 /srv/sockets
 /srv/sockets
=mount hidden
 /root/secret
=mount gone
 /srv/gone
=mount plain
 /srv/data
 /srv/data
=mount plain
 /etc
 /etc
=mount plain
 /dev/vdb1
 /dev/vdb1
=end
"""
"""What the script prints on Debian 12 with an engine that also listens on /srv/other.sock and /srv/sockets/x.sock."""


def bind(source: str, **more: bool) -> Mount:
    return Mount("bind", source, "/x", **more)


def with_mounts(*mounts: Mount, printed: str = PRINTED) -> Container:
    [container] = with_targets([replace(GOOD, mounts=mounts)], Output(0, printed.encode()))
    return container


@pytest.mark.parametrize(
    ("mount", "broken"),
    [
        (VOLUME, ["5.6"]),
        (replace(VOLUME, driver=""), ["5.6"]),
        (replace(VOLUME, name="disk"), ["5.6"]),
        (replace(VOLUME, name="sockets"), ["5.32"]),
        (replace(VOLUME, name="plain"), []),
        (Mount("volume", "/etc", "/x", "p", "local-persist"), ["5.6"]),
        (bind("/srv/link"), ["5.6"]),
        (bind("/srv/other.sock"), ["5.32"]),
        (bind("/srv/rundir"), ["5.32", "5.6"]),
        (bind("/srv/data"), []),
        (bind("/srv/gone"), []),
    ],
)
def test_case_101_a_mount_is_judged_by_what_it_shows_of_the_node(mount: Mount, broken: list[str]) -> None:
    text = PRINTED.replace("=end\n", "=mount plain\n /etc\n /etc\n=end\n")
    verdict = verdict_about("cannot_gain_privileges", with_mounts(mount, printed=text), written=WRITTEN)
    assert (numbers(verdict), verdict.unknown) == (broken, ())


@pytest.mark.parametrize(
    ("device", "word", "broken"),
    [
        ("/etc", "plain", ["5.6"]),
        ("/run", "engine", ["5.32", "5.6"]),
        ("/run/docker.sock", "engine", ["5.32"]),
        ("/srv/data", "plain", []),
        ("/srv/gone", "gone", []),
    ],
)
def test_a_volume_that_binds_a_directory_of_the_node_is_that_directory_and_told_once(
    device: str, word: str, broken: list[str]
) -> None:
    text = f"=volume conf bound\n {device}\n=mount {word}\n {device}\n {device}\n=end\n"
    verdict = verdict_about("cannot_gain_privileges", with_mounts(VOLUME, printed=text), written=WRITTEN)
    assert (numbers(verdict), verdict.unknown) == (broken, ())
    assert len(verdict.findings) == min(1, len(broken))
    assert all(f"{device}, by the volume conf" in finding.saw for finding in verdict.findings if "5.6" in broken)


def test_what_is_read_only_is_a_warning_and_the_volume_is_named() -> None:
    verdict = verdict_about("cannot_gain_privileges", with_mounts(replace(VOLUME, rw=False)), written=WRITTEN)
    [warning] = verdict.warnings
    assert "can read /etc, by the volume conf of the node" in warning.saw
    [finding] = verdict_about("cannot_gain_privileges", with_mounts(bind("/srv/link")), written=WRITTEN).findings
    assert "can write /srv/link (which is /etc) of the node" in finding.saw


@pytest.mark.parametrize(
    "mount", [replace(VOLUME, name="odd"), bind("/root/secret"), bind("/srv/unasked"), bind("/srv/two\nlines")]
)
def test_a_mount_that_could_not_be_followed_is_unknown(mount: Mount) -> None:
    verdict = verdict_about("cannot_gain_privileges", with_mounts(mount), written=WRITTEN)
    assert (verdict.outcome, numbers(verdict)) == (Outcome.UNKNOWN, [])
    assert "leads could not be seen" in verdict.unknown[0].why


@pytest.mark.parametrize(
    "answer",
    [Output(0, b"=volume conf bound\n"), Output(71, err=b"permission denied"), Output(1, err=b"sudo: refused")],
)
def test_without_an_answer_mounts_are_unknown_and_what_their_names_say_is_told(answer: Output) -> None:
    mounts = (bind("/etc"), VOLUME, Mount("tmpfs", "", "/tmp"))
    [container] = with_targets([replace(GOOD, mounts=mounts)], answer)
    verdict = verdict_about("cannot_gain_privileges", container, written=WRITTEN)
    assert numbers(verdict) == ["5.6"]
    assert verdict.unknown
    assert [isinstance(mount.unfollowed, Unobservable) for mount in container.mounts] == [True, True, False]


def test_volumes_that_the_engine_did_not_list_are_unknown() -> None:
    printed = PRINTED.replace("=volume conf bound\n /etc\n", "=volumes unknown\n")
    verdict = verdict_about("cannot_gain_privileges", with_mounts(VOLUME, printed=printed), written=WRITTEN)
    assert verdict.outcome is Outcome.UNKNOWN
    held = verdict_about("cannot_gain_privileges", with_mounts(bind("/srv/data"), printed=printed), written=WRITTEN)
    assert held.outcome is Outcome.HOLDS


def test_only_what_may_lead_elsewhere_is_asked_about() -> None:
    mounts = (bind("/b"), bind("/a"), bind("/b"), VOLUME, Mount("tmpfs", "", "/t"), bind("/two\nlines"))
    assert paths_to_follow([replace(GOOD, mounts=mounts)]) == ["/a", "/b"]
    assert paths_to_follow([replace(GOOD, mounts=(VOLUME,))]) == []
    assert paths_to_follow([replace(GOOD, mounts=(Mount("tmpfs", "", "/t"),))]) is None
