"""Scripts that go to a node's shell, and the frames that come back."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetkeeper.transport.answer_frames import Frames, Unframer, strip_proof_of_sudo
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.transport.shell_protocol import KILL_AFTER, SPARE, Script, render_script, shell_for, words_of
from tests.helpers.sshd import process_gone

TOKEN = b"0123456789abcdef" * 2
HERE = [shell for shell in (("sh",), ("bash",), ("busybox", "sh")) if shutil.which(shell[0])]
SHELLS = [pytest.param(shell, id=shell[0]) for shell in HERE]

any_bytes = st.binary(max_size=200).filter(lambda data: TOKEN not in data)
answers = st.lists(st.tuples(any_bytes, any_bytes, st.integers(0, 255)), min_size=1, max_size=5)


def stream(bodies: list[bytes], statuses: list[int], noise: bytes = b"") -> bytes:
    framed = [body + TOKEN + b" %d %d\n" % (i, rc) for i, (body, rc) in enumerate(zip(bodies, statuses, strict=True))]
    return noise + TOKEN + b" begin\n" + b"".join(framed)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(at)]


@given(answers, any_bytes, st.lists(st.integers(0, 5000), max_size=20))
def test_any_bytes_in_any_pieces_come_out_as_they_went_in(said, noise, cuts):
    reader = Unframer(TOKEN)
    for piece in pieces(stream([out for out, _, _ in said], [rc for _, _, rc in said], noise), cuts):
        reader.feed(piece)
    assert reader.parts == [(rc, out) for out, _, rc in said]


@given(answers, st.integers(0, 5000))
def test_a_stream_cut_anywhere_gives_only_whole_answers(said, cut):
    whole = stream([out for out, _, _ in said], [rc for _, _, rc in said])
    reader = Unframer(TOKEN)
    reader.feed(whole[: cut % (len(whole) + 1)])
    assert reader.parts == [(rc, out) for out, _, rc in said][: len(reader.parts)]
    assert len(reader.parts) < len(said) or cut % (len(whole) + 1) == len(whole)


@given(st.lists(st.one_of(any_bytes, st.just(TOKEN), st.just(b"\n"), st.just(b" begin\n"), st.just(b" 0 0\n"))))
def test_garbage_is_an_answer_or_an_error_never_a_hang(said):
    reader = Unframer(TOKEN)
    with suppress(Unobservable):
        for piece in said:
            reader.feed(piece)
    assert all(rc >= 0 for rc, _ in reader.parts)


@pytest.mark.parametrize("line", [b" begin\n", b" 1 0\n", b" 0 x\n", b" 0\n", b"\n", b" 0 -1\n"])
def test_a_token_line_that_was_not_asked_for_is_refused(line):
    reader = Unframer(TOKEN)
    reader.feed(TOKEN + b" begin\n")
    with pytest.raises(Unobservable, match="out of order"):
        reader.feed(TOKEN + line)


def test_two_exit_statuses_for_one_command_are_refused():
    frames = Frames([Command(("true",))], Script(b"", TOKEN))
    frames.feed(stream([b""], [0]), stream([b""], [1]))
    with pytest.raises(Unobservable, match="two exit statuses"):
        frames.output(0)


def test_an_answer_counts_when_both_streams_have_it():
    frames = Frames([Command(("true",))], Script(b"", TOKEN))
    frames.feed(stream([b"x"], [0]), b"")
    assert frames.answered == 0
    frames.feed(b"", stream([b"y"], [0]))
    assert frames.output(0) == Output(0, b"x", b"y", command="true")


def run(shell: tuple[str, ...], commands: list[Command], **env: str) -> tuple[list[Output], subprocess.Popen[bytes]]:
    """What a real shell answers to the rendered script (no sudo)."""
    script = render_script(commands, sudo=False, heartbeat=False)
    done = subprocess.run(shell, input=script.text, capture_output=True, timeout=20, env=env or None, check=False)
    frames = Frames(commands, script)
    frames.feed(done.stdout, done.stderr)
    return [frames.output(number) for number in range(frames.answered)], done


words = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30)


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=15, deadline=None)
@given(st.lists(words, max_size=4))
def test_case_2_words_reach_the_command_as_they_are(shell, given_words):
    [answer], _ = run(shell, [Command(("printf", "%s\\0", "first", *given_words))])
    assert answer.out.decode().split("\0")[:-1] == ["first", *given_words]


@pytest.mark.parametrize(
    "name", ["x; touch CANARY", "$(touch CANARY)", "`touch CANARY`", "a\ntouch CANARY", "'\ntouch CANARY\n'"]
)
def test_case_2_a_hostile_name_runs_nothing(name, tmp_path):
    canary = tmp_path / "canary"
    run(("sh",), [Command(("ls", "--", name.replace("CANARY", str(canary))))])
    assert not canary.exists()


def test_case_2_a_nul_byte_is_refused():
    with pytest.raises(Unobservable, match="NUL"):
        render_script([Command(("ls", "a\0b"))], sudo=False)


def test_no_command_at_all_is_refused():
    with pytest.raises(Unobservable):
        words_of(())


@pytest.mark.parametrize("shell", SHELLS)
def test_case_15_every_exit_status_is_the_commands_own(shell):
    statuses = [0, 1, 2, 126, 127, 128, 255]
    text, _ = run(shell, [Command(("sh", "-c", f"exit {status}")) for status in statuses])
    assert [answer.rc for answer in text] == statuses


@pytest.mark.parametrize("shell", SHELLS)
def test_where_nobody_can_end_a_command_its_outputs_are_cut_on_the_node(shell):
    flood = Command(("sh", "-c", "yes & yes >&2; wait"), most=5000)
    whole = Command(("sh", "-c", "head -c 2500 /dev/zero; head -c 2500 /dev/zero >&2; exit 3"), most=5000)
    text, done = run(shell, [flood, whole, Command(("sh", "-c", "exit 4"))])
    assert [answer.rc for answer in text] == [None, 3, 4]
    assert text[0].lost == "its answer is larger than 4.9 KiB"
    assert (len(text[1].out), len(text[1].err)) == (2500, 2500)
    assert len(done.stdout) + len(done.stderr) < 16_000


@pytest.mark.parametrize("shell", SHELLS)
def test_case_16_noise_before_the_first_token_is_dropped(shell, tmp_path):
    commands = [Command(("echo", "answer"))]
    script = render_script(commands, sudo=False, heartbeat=False)
    noisy = b"echo Welcome; printf 'no newline'; echo noise >&2\n" + script.text
    done = subprocess.run(shell, input=noisy, capture_output=True, timeout=20, check=False)
    frames = Frames(commands, script)
    frames.feed(done.stdout, done.stderr)
    assert frames.output(0) == Output(0, b"answer\n", b"", command="echo answer")


def at_once(calls: list[Callable[[], None]]) -> None:
    """Run checks that mostly wait side by side; the first failure is raised."""
    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(call) for call in calls]:
            done.result()


def test_case_14_a_command_that_hangs_is_ended_with_its_children():
    def check(shell: tuple[str, ...]) -> None:
        hang = Command(("sh", "-c", "sleep 77.125 & sleep 77.125"), limit=1)
        before = time.monotonic()
        [answer], _ = run(shell, [hang, Command(("echo", "not in this shell any more"))])
        assert answer.rc == 124
        assert time.monotonic() - before < 5

    at_once([partial(check, shell) for shell in HERE])
    assert process_gone("77.125")


def test_case_84_without_timeout_the_limit_still_holds(tmp_path):
    def check(shell: tuple[str, ...], setsid: bool) -> None:
        folder = tmp_path / f"{shell[0]}-{setsid}"
        folder.mkdir()
        for tool in ["sh", "sleep", "echo", "printf", *(["setsid"] if setsid else [])]:
            (folder / tool).symlink_to(shutil.which(tool))
        quick, slow = Command(("sh", "-c", "echo fine; exit 3")), only_here(folder, ("sleep", "78.25"), 1)
        text, _ = run((shutil.which(shell[0]), *shell[1:]), [quick, slow], PATH=str(folder))
        assert [answer.rc for answer in text] == [3, 124]
        assert text[0].out == b"fine\n"

    at_once([partial(check, shell, setsid) for shell in HERE for setsid in (True, False)])
    assert process_gone("78.25")


@pytest.mark.skipif(not shutil.which("busybox"), reason="no busybox here")
def test_case_84_a_machine_with_nothing_but_busybox_gives_right_answers(tmp_path):
    listed = subprocess.run(("busybox", "--list"), capture_output=True, text=True, check=True).stdout.split()
    for applet in listed:
        (tmp_path / applet).symlink_to(shutil.which("busybox"))
    hang = Command(("sh", "-c", "sleep 76.5 & sleep 76.5"), limit=1)
    text, _ = run(
        (str(tmp_path / "sh"),),
        [Command(("printf", "%s", "a b")), Command(("sh", "-c", "echo err >&2; exit 255")), hang],
        PATH=str(tmp_path),
    )
    assert [(answer.rc, answer.out, answer.err) for answer in text[:2]] == [(0, b"a b", b""), (255, b"", b"err\n")]
    assert text[2].rc == 124
    assert process_gone("76.5")


def only_here(path: Path, sleep: tuple[str, ...], limit: float) -> Command:
    """The fallback itself, since the script's PATH always has the system's own `timeout` too."""
    return Command(
        (
            "sh",
            "-c",
            f'PATH={path}; n=$0; set -- {limit} "$@"; '
            + load_script("fleetkeeper/transport/scripts/run_with_limit.sh"),
            "x",
            *sleep,
        ),
        limit=20,
    )


def test_when_nobody_keeps_the_time_any_more_the_shell_ends_with_all_that_it_started():
    script = render_script([Command(("sh", "-c", "sleep 80.5 & sleep 80.5")), Command(("echo", "late"))], sudo=False)
    line = shell_for([Command(("id",), limit=0)]).replace(f" {SPARE} ", " 1 ")
    before = time.monotonic()
    with subprocess.Popen(("/bin/sh", "-c", line), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        shell.stdin.write(script.text)
        shell.stdin.flush()  # and left open, as by a connection that was cut
        assert b"late" not in shell.stdout.read()
        assert (shell.wait(10), time.monotonic() - before < 5) == (124, True)
    assert process_gone("80.5")


def test_the_fallback_of_timeout_ends_what_ignores_sigterm():
    before = time.monotonic()
    sooner = load_script("fleetkeeper/transport/scripts/run_with_limit.sh").replace(f"sleep {KILL_AFTER}", "sleep 1")
    stubborn = ("sh", "-c", sooner, "sh", "1", "sh", "-c", "trap '' TERM; sleep 79.5; sleep 79.5")
    assert subprocess.run(stubborn, timeout=20, check=False).returncode == 124
    assert 2 <= time.monotonic() - before < 5
    assert process_gone("79.5")


@given(st.integers(1, 2000))
@settings(max_examples=12, deadline=None)
def test_case_29_a_script_cut_anywhere_runs_nothing(tmp_path_factory, cut):
    canary = tmp_path_factory.mktemp("cut") / "canary"
    script = render_script([Command(("touch", str(canary)))], sudo=False).text
    subprocess.run(
        ("sh",), input=script[: -(cut % len(script)) - 1 or None][:-1], capture_output=True, timeout=20, check=False
    )
    assert not canary.exists()


def test_the_environment_is_the_same_everywhere():
    text, _ = run(("/bin/sh",), [Command(("sh", "-c", "echo $LC_ALL; echo $PATH"))], PATH="/odd", LC_ALL="fr_CA.UTF-8")
    assert text[0].out == b"C\n/odd:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"


def test_commands_read_no_standard_input():
    text, _ = run(("sh",), [Command(("cat",)), Command(("echo", "next"))])
    assert [answer.out for answer in text] == [b"", b"next\n"]


def test_the_token_is_new_each_time_and_in_no_process_list():
    first, second = (render_script([Command(("ps", "axww"))], sudo=False) for _ in range(2))
    assert first.token != second.token
    [answer], _ = run(("sh",), [Command(("sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null"))])
    assert answer.out  # a token in there would have cut the answer


def test_case_18_a_refusal_by_sudo_is_no_exit_status():
    text = b"sudo: a password is required\n"
    assert strip_proof_of_sudo(Output(1, err=text)).rc is None
    with pytest.raises(Unobservable) as refused:
        strip_proof_of_sudo(Output(1, err=text, command="crontab -l")).text(ok={0, 1})
    assert "NOPASSWD" in refused.value.hint


def test_case_18_sudo_repeating_the_command_is_no_proof_that_it_ran():
    text = b"Sorry, user ops is not allowed to execute '/bin/sh -c echo fleet-\"started\" >&2; exec sh ls' as root.\n"
    assert strip_proof_of_sudo(Output(1, err=text)).rc is None


def test_line_ends_that_were_translated_on_the_way_are_said():
    with pytest.raises(Unobservable, match="CRLF"):
        Unframer(TOKEN).feed(TOKEN + b" begin\r\n")


@pytest.mark.parametrize("options", ["-eux", "-v", "-f"])
def test_options_that_a_login_shell_hands_on_change_no_answer(options):
    text, _ = run(("/bin/sh", options), [Command(("false",)), Command(("echo", "*"))])
    assert [(item.rc, item.out, item.err) for item in text] == [(1, b"", b""), (0, b"*\n", b"")]
