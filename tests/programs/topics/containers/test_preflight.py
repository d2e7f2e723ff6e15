"""Before a container gets another user: what would stand in the way, found out without changing anything."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node, Service
from fleetkeeper.topics.containers import observe, preflight
from fleetkeeper.topics.containers.facts import Container, Isolation, Mount, Preflight, Process
from fleetkeeper.transport.commands import Output, Unobservable
from fleetkeeper.transport.script_files import load_script
from tests.programs.transport.test_shell_functions import each_shell

CHECK_ACCESS = load_script("fleetkeeper/topics/containers/scripts/check_access.sh")
READ_START_SCRIPTS = load_script("fleetkeeper/topics/containers/scripts/read_start_scripts.sh")

SWARM = "com.docker.swarm.service.name"
ROOT = Process(7, 0, 0, "app", parent=1)
WEB = Container(
    "4f" * 32, "web.1.x", labels={SWARM: "web"}, pid=7, processes=(ROOT,), accounts={"root": 0, "django": 4}
)
SERVICES = {"web": Service(key="web", name="web", user=("rodan", "django"))}
ME = os.getuid()


def run_command(script: str, *arguments: str) -> Output:
    done = subprocess.run(("sh", "-c", script, "sh", *arguments), capture_output=True, check=False)
    return Output(done.returncode, done.stdout, done.stderr, command="script")


def access(tmp_path: Path, user: int, mode: str = "rw") -> tuple:
    """What the script says about a directory for a user of this machine, asked through our own process."""
    mount = Mount("bind", str(tmp_path), "/data", rw=mode == "rw")
    printed = run_command(CHECK_ACCESS, str(os.getpid()), str(user), mode, str(tmp_path)).text()
    return preflight.parse_access(printed, [mount])[2]


# Who is asked


def test_only_a_declared_service_that_runs_as_somebody_else_is_asked_for_the_first_user_it_knows():
    assert preflight.user_to_try(WEB, SERVICES) == "django"
    assert preflight.user_to_try(replace(WEB, processes=(Process(7, 4, 4, "app"),)), SERVICES) == ""
    assert preflight.user_to_try(replace(WEB, labels={SWARM: "redis"}), SERVICES) == ""
    assert preflight.user_to_try(replace(WEB, accounts={"root": 0}), SERVICES) == ""
    assert preflight.user_to_try(replace(WEB, processes=(Process(7, 0, 100000, "app"),)), SERVICES) == ""
    assert preflight.user_to_try(replace(WEB, accounts=Unobservable("hidden")), SERVICES) == ""


def test_a_fleet_that_is_right_costs_no_round_trip():
    right = replace(WEB, processes=(Process(7, 4, 4, "app"),))
    with pytest.raises(StopIteration) as done:
        next(preflight.run_preflights("[]", [right], SERVICES))
    assert done.value.value == (right,)


def test_looking_asks_three_questions_about_one_that_is_wrong():
    asking = preflight.run_preflights(json.dumps([{"Id": WEB.id, "Path": "start"}]), [WEB], SERVICES)
    assert len(next(asking)) == 3
    with pytest.raises(StopIteration) as done:
        asking.send([Output(0, b"floor 0\nhelper runuser\n"), Output(0, b"who 4 4\n"), Output(0, b"A /srv/x\n")])
    [seen] = done.value.value
    assert (seen.preflight.user, seen.preflight.uid) == ("django", 4)
    assert seen.preflight.helpers == ("runuser",)
    assert seen.preflight.unsaved == ("/srv/x",)


def test_what_could_not_be_found_out_is_unobservable_and_the_rest_stands():
    asking = preflight.run_preflights("[]", [WEB], SERVICES)
    next(asking)
    slow = Output(None, lost="time limit of 60 s", command="docker diff")
    with pytest.raises(StopIteration) as done:
        asking.send([Output(0, b"floor 0\n"), Output(0, b"who 4 4\n"), slow])
    [seen] = done.value.value
    assert isinstance(seen.preflight.unsaved, Unobservable)
    assert seen.preflight.low_ports == ()


@pytest.mark.parametrize("network", ["host", "container:4f"])
def test_ports_in_a_shared_network_are_nobody_s_for_sure(network):
    shared = replace(WEB, isolation=Isolation(network=network))
    seen = preflight.parse_preflight(
        shared, "django", Output(0, b"floor 1024\nport 0016\n"), Output(0, b"who 4 4\n"), Output(0)
    )
    assert isinstance(seen, Preflight)
    assert isinstance(seen.low_ports, Unobservable)
    assert isinstance(seen.listens, Unobservable)
    assert seen.helpers == ()


def test_an_odd_answer_is_unobservable():
    assert isinstance(preflight.preflight_or_why(Output(0, b"no floor"), preflight.low_ports), Unobservable)


def test_quick_leaves_it_out():
    quick = Inventory.model_construct(services=SERVICES, quick=True)
    looking = observe.observe(Node(name="x", address="192.0.2.1"), quick)
    next(looking)
    inspected = f'[{{"Id": "{WEB.id}", "Name": "/web", "State": {{"Status": "running", "Pid": 7}}}}]'
    looking.send([Output(0, f"1\n{inspected}".encode()), Output(0)])
    with pytest.raises(StopIteration) as done:
        looking.send([Output(0, b"=7\n root:0\n\n")])
    assert done.value.value.containers[0].preflight is None


# Files


def test_a_file_that_others_may_not_write_is_counted_with_owner_mode_and_path(tmp_path):
    tmp_path.chmod(0o777)
    (tmp_path / "mine").write_text("x")
    (tmp_path / "mine").chmod(0o644)
    [match] = access(tmp_path, 54321)
    assert (match.count, match.destination) == (1, "/data")
    assert match.examples == (f"{ME}:{os.getgid()} 644 {tmp_path}/mine",)


def test_a_file_that_need_only_be_read_is_fine_when_it_can_be_read(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "mine").write_text("x")
    (tmp_path / "mine").chmod(0o644)
    assert access(tmp_path, 54321, "ro") == ()
    (tmp_path / "mine").chmod(0o600)
    assert access(tmp_path, 54321, "ro")[0].count == 1


def test_the_owner_s_own_bits_count_for_the_owner(tmp_path):
    tmp_path.chmod(0o700)
    (tmp_path / "mine").write_text("x")
    (tmp_path / "mine").chmod(0o600)
    assert access(tmp_path, ME) == ()
    (tmp_path / "mine").chmod(0o066)
    assert access(tmp_path, ME)[0].count == 1


def test_links_are_not_followed_and_not_counted(tmp_path):
    tmp_path.chmod(0o777)
    (tmp_path / "link").symlink_to("/etc/shadow")
    assert access(tmp_path, 54321) == ()


def test_a_thousand_and_more_are_not_counted_to_the_end(tmp_path):
    for number in range(1100):
        (tmp_path / str(number)).touch(mode=0o600)
    tmp_path.chmod(0o777)
    [match] = access(tmp_path, 54321)
    assert (match.count, match.more, len(match.examples)) == (1000, True, 3)


def test_a_name_with_a_newline_cannot_forge_the_answer(tmp_path):
    tmp_path.chmod(0o777)
    (tmp_path / "x\nmount\n0").touch(mode=0o600)
    [match] = access(tmp_path, 54321)
    assert match.count >= 1


@pytest.mark.parametrize("entry", ["web:x:0 -delete:0:", "web:x:4:0 -o -delete:", "web:x::0:", "web:x:-1:0:"])
def test_case_2_a_hostile_passwd_cannot_speak_to_find(tmp_path, entry):
    """The script runs as root, and the container writes that file."""
    (tmp_path / "canary").touch()
    (tmp_path / "passwd").write_text(entry + "\n")
    script = CHECK_ACCESS.replace('"/proc/$pid/root" etc', f'"{tmp_path}" .')
    answer = run_command(script, str(os.getpid()), "web", "rw", str(tmp_path))
    assert answer.rc == 74
    assert (tmp_path / "canary").exists()


def test_a_mount_that_is_not_there_is_unobservable(tmp_path):
    answer = run_command(CHECK_ACCESS, str(os.getpid()), "0", "rw", str(tmp_path / "gone"))
    with pytest.raises(Unobservable, match="is not there"):
        answer.text()


# Start scripts


def start_process(*words: str) -> str:
    return run_command(READ_START_SCRIPTS, str(os.getpid()), *words).text()


def test_a_start_script_that_calls_runuser_is_seen(tmp_path):
    script = tmp_path / "start"
    script.write_text("#!/bin/sh\n# chown is not called\nexec runuser -u root -- app\n")
    assert preflight.parse_helpers(start_process(str(script))) == ("runuser",)


def test_a_start_script_is_read_through_links(tmp_path):
    (tmp_path / "real").write_text("#!/bin/sh\nexec gosu app app\n")
    (tmp_path / "relative").symlink_to("real")
    (tmp_path / "absolute").symlink_to(tmp_path / "relative")
    assert preflight.parse_helpers(start_process(str(tmp_path / "absolute"))) == ("gosu",)


def test_a_program_that_is_no_script_is_not_searched():
    assert preflight.parse_helpers(start_process("/bin/sh", "sleep", "no-such-program")) == ()


def test_a_container_that_cannot_be_looked_into_is_unobservable():
    with pytest.raises(Unobservable):
        run_command(READ_START_SCRIPTS, "999999999").text()


def test_words_that_could_be_options_or_expressions_are_never_looked_up():
    line = {"Path": "sh", "Args": ["-c", "start --x=$(touch /tmp/p); exec web", "--", "-rf"]}
    assert preflight.start_programs(line) == ("sh", "start", "touch", "/tmp/p", "exec", "web")


# Unsaved state


@pytest.mark.parametrize(
    "path",
    ["/etc/letsencrypt/live/x/privkey.pem", "/etc/nginx/nginx.conf", "/srv/upload/1.png", "/root/notes", "/usr/bin/x"],
)
def test_case_77_what_is_written_outside_volumes_is_unsaved(path):
    assert preflight.unsaved_files(f"A {path}\n", ()) == (path,)
    assert preflight.unsaved_files(f"C {path}\n", ()) == (path,)


@pytest.mark.parametrize(
    "path",
    [
        "/tmp/x",
        "/run/nginx.pid",
        "/var/log/nginx/error.log",
        "/var/cache/x/y",
        "/srv/__pycache__/a.pyc",
        "/root/.cache/x",
    ],
)
def test_what_every_start_makes_anew_is_not(path):
    assert preflight.unsaved_files(f"A {path}\n", ()) == ()


def test_what_was_deleted_and_where_volumes_are_mounted_is_not_unsaved():
    assert preflight.unsaved_files("D /etc/motd\nA /data\n", [Mount("volume", "/v", "/data/")]) == ()


@given(st.text(max_size=200))
def test_no_output_breaks_the_parsers(printed):
    preflight.unsaved_files(printed, ())
    preflight.parse_helpers(printed)
    with contextlib.suppress(ValueError, Unobservable):
        preflight.parse_access(printed, ())


# What a container may not lead root to


@pytest.fixture
def contained(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A process whose root is a directory of its own, on a file system that only it has mounted; and the node's."""
    if ME:
        pytest.skip("only root may make namespaces here")
    inside, node = tmp_path / "root", tmp_path / "node"
    inside.mkdir()
    node.mkdir()
    (node / "start").write_text("#!/bin/sh\nexec gosu app app\n")
    (node / "passwd").write_text("web:x:4242:4242::/:/bin/sh\n")
    script = """
mount -t tmpfs none "$1" && cd "$1" && mkdir -p etc opt/deep real
echo '#!/bin/sh' > real/start; echo 'exec runuser -u app -- app' >> real/start
ln -s /real opt/absolute; ln -s ../../real opt/deep/up; ln -s ../../../../../../real opt/deep/far
ln -s "$2" out; ln -s "$2/start" outfile
echo 'web:x:33:33::/:/bin/sh' > etc/passwd; echo 'extra:x:44:web' > etc/group
exec "$3" -c 'import os, sys, time; os.chroot(sys.argv[1]); print("ok", flush=True); time.sleep(60)' "$1"
"""
    words = ["unshare", "--mount", "sh", "-c", script, "sh", str(inside), str(node), sys.executable]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ok\n"
        yield str(process.pid), node
        process.kill()


@each_shell
@pytest.mark.parametrize("path", ["/real/start", "/opt/absolute/start", "/opt/deep/up/start", "/opt/deep/far/start"])
def test_a_start_script_is_found_through_the_container_s_own_links(contained, shell, path):
    words = [*shell, "-c", READ_START_SCRIPTS, "sh", contained[0], path]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert preflight.parse_helpers(done.stdout) == ("runuser",)


@each_shell
@pytest.mark.parametrize("path", ["/out/start", "/outfile", "/etc/../../../out/start", "/nowhere", "/opt", "/"])
def test_a_link_out_of_the_container_leads_nowhere(contained, shell, path):
    words = [*shell, "-c", READ_START_SCRIPTS, "sh", contained[0], path]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert preflight.parse_helpers(done.stdout) == ()


@each_shell
def test_accounts_are_read_in_the_container_and_never_through_a_link(contained, shell, tmp_path):
    pid, node = contained

    def who() -> tuple[int, str]:
        words = [*shell, "-c", CHECK_ACCESS, "sh", pid, "web", "ro", str(node)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.partition("\n")[0]

    assert who() == (0, "who 33 33")
    etc = Path(f"/proc/{pid}/root/etc")
    (etc / "passwd").unlink()
    (etc / "passwd").symlink_to(node / "passwd")
    assert who()[0] == 74
    etc.rename(etc.with_name("was"))
    etc.symlink_to(node)
    assert who()[0] == 74


def test_of_a_passwd_only_lines_of_accounts_are_told(tmp_path):
    """Whoever makes a mount of their own may have put any file there."""
    (tmp_path / "etc").mkdir()
    lines = (
        "root:x:0:0:root:/root:/bin/sh", "short:x:7:7", "root:$6$SECRET:19000:0:99999:7:::", "SECRETLINE",
        "host:5432:db:user:SECRET", "SECRET:x:SECRET:0::/:", "a:b:1", "",
    )  # fmt: skip
    (tmp_path / "etc/passwd").write_text("\n".join(lines))
    script = load_script("fleetkeeper/topics/containers/scripts/read_accounts.sh").replace(
        "root=/proc/$pid/root", f"root={tmp_path}"
    )
    text = run_command(script, "7").text()
    assert "SECRET" not in text
    assert text.splitlines()[1:] == [" root:0", " short:7"]
