"""The benchmark: what it counts and how, and one real run on two local nodes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import servers, tools
from benchmarks.__main__ import BEGIN, END, PAGE, benchmark_cases, has_turn, parse_arguments, replace_measured
from benchmarks.delay import Proxy, Traffic, Trips
from benchmarks.goals import goals_text
from benchmarks.measuring import Failed, Sample, median_sample, run
from benchmarks.table import Case, results_table
from benchmarks.tools import ANSIBLE_DEFAULT, AUDIT, FLOOR, LOOK, OPENSSH, TOOLS, WHOLE

ROOT = Path(__file__).parents[3]
HERE = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}


def test_a_thousand_nodes_have_an_address_each() -> None:
    assert len(set(servers.loopback_addresses(1000))) == 1000


def test_each_node_is_known_near_and_far() -> None:
    lines = servers.known_hosts("ssh-ed25519 AAAA host", 2).splitlines()
    assert lines == [
        f"{name} ssh-ed25519 AAAA" for name in ("127.0.0.1", "[127.0.0.1]:2222", "127.0.0.2", "[127.0.0.2]:2222")
    ]


def test_medians_are_taken_of_each_measure() -> None:
    samples = [Sample(1, 9, 3, 5), Sample(2, 8, 1, 6), Sample(9, 1, 2, 7)]
    assert median_sample(samples) == Sample(2, 8, 2, 6)


def test_what_both_sides_say_at_once_costs_no_round_trip_of_its_own() -> None:
    trips = Trips()
    greetings = trips.said(client=True), trips.said(client=False)
    trips.heard(greetings[0], client=False)
    assert trips.heard(greetings[1], client=True) == 1
    for _ in range(3):  # a question, in two pieces, and its answer
        for _ in range(2):
            trips.heard(trips.said(client=True), client=False)
        assert trips.heard(trips.said(client=False), client=True) == 1
    assert trips.client == 1 + 1 + 3


def test_ratios_are_to_the_floor_of_the_same_case() -> None:
    near, far = Case(10), Case(10, delayed=True)
    results = {(FLOOR, near): Sample(1, 1, 1), (LOOK, near): Sample(3, 1, 1), (FLOOR, far): Sample(2, 1, 1, 11.25)}
    rows = [
        [cell.strip() for cell in line.split("|")[1:5]]
        for line in results_table(results, {"x": "not installed"}).splitlines()[2:-1]
    ]
    assert rows == [[FLOOR, "10", "1.00", "1.00"], [LOOK, "10", "3.00", "3.00"], [FLOOR, "10 at 50 ms", "2.00", "1.00"]]
    assert results_table(results, {"x": "not installed"}).endswith("\nx: not installed")


def test_slow_tools_have_one_turn_and_above_a_hundred_nodes_only_the_floor_and_ours_have_two() -> None:
    slow, few, far = TOOLS["Ansible"], Case(10), Case(100, delayed=True)
    assert [has_turn(few, slow, 0), has_turn(few, slow, 1), has_turn(Case(100), slow, 0)] == [True, False, True]
    assert [has_turn(far, slow, 0), has_turn(far, TOOLS["pyinfra"], 2)] == [False, True]
    assert not has_turn(Case(50), TOOLS[ANSIBLE_DEFAULT], 0)
    most = Case(1000)
    assert [name for name, tool in TOOLS.items() if has_turn(most, tool, 0)] == [FLOOR, LOOK, WHOLE]
    assert [sum(has_turn(most, tool, turn) for tool in TOOLS.values()) for turn in range(4)] == [3, 3, 0, 0]


def test_a_slow_tool_that_is_ended_is_said_to_take_longer(tmp_path: Path) -> None:
    ended = Sample(90, 0, 0, ended=True)
    text = results_table({(FLOOR, Case(50)): Sample(2, 1, 1), ("Ansible", Case(50)): ended}, {})
    assert "| > 90.00 | > 45.00 |       |             |     |            |" in text
    reached = goals_text({(WHOLE, Case(50)): Sample(3, 1, 60), ("Ansible", Case(50)): ended})
    assert "| 20 times ahead of Ansible | yes | > 30.0 at 50 |" in reached
    too_early = goals_text({(WHOLE, Case(50)): Sample(5, 1, 60), ("Ansible", Case(50)): ended})
    assert "| 20 times ahead of Ansible | not known | > 18.0 at 50 |" in too_early


def test_each_goal_is_judged_by_what_was_measured_alone() -> None:
    near, most = Case(100), Case(1000)
    fast = {
        (FLOOR, near): Sample(2, 1, 10),
        (LOOK, near): Sample(2.05, 1, 60),
        (WHOLE, near): Sample(3.1, 2, 70),
        (WHOLE, most): Sample(20, 19, 120),
        ("pyinfra", near): Sample(9.6, 1, 60),
    }
    rows = goals_text(fast).splitlines()[2:]
    assert [row.split("|")[2].strip() for row in rows] == [
        *("yes", "not measured", "yes", "yes", "yes", "not measured", "not measured", "yes")
    ]
    slow = {
        **fast,
        (LOOK, near): Sample(2.2, 1, 60),
        (WHOLE, near): Sample(3.4, 1, 70),
        (WHOLE, most): Sample(9, 19, 150),
    }
    rows = goals_text(slow).splitlines()[2:]
    assert [row.split("|")[2].strip() for row in rows] == [
        *("no", "not measured", "no", "no", "no", "not measured", "not measured", "no")
    ]


def test_only_what_was_measured_changes_on_the_page() -> None:
    assert PAGE.read_text("utf-8").count(BEGIN) == PAGE.read_text("utf-8").count(END) == 1
    assert replace_measured(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new").split("\n\n") == [
        f"before\n{BEGIN}",
        "new",
        f"{END}\nafter\n",
    ]


def test_a_number_of_nodes_is_measured_once_and_in_order() -> None:
    assert parse_arguments(["--nodes", "10,1,10"]).nodes == [1, 10]


def test_quick_measures_the_floor_and_ours_alone() -> None:
    quick = parse_arguments(["--quick"])
    assert (quick.tools, quick.rounds) == ([FLOOR, LOOK, OPENSSH, WHOLE, AUDIT], 1)
    assert list(benchmark_cases(quick)) == [Case(1), Case(10), Case(10, delayed=True)]


@pytest.mark.parametrize(
    "words",
    [
        *(["--nodes", text] for text in ("0", "1001", "x", ",", "-1", "1,,2")),
        *(["--tools", text] for text in ("no such", "")),
        *([option, text] for option in ("--rounds", "--patience") for text in ("0", "-1", "1.5", "")),
        *(["--save", *narrower] for narrower in (["--quick"], ["--no-delay"], ["--nodes", "1"], ["--tools", FLOOR])),
    ],
)
def test_what_cannot_be_measured_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        parse_arguments(words)
    assert refusal.value.code == 2
    assert "error" in capsys.readouterr().err


def test_a_run_tells_its_time_its_cpu_and_its_memory() -> None:
    busy = "import time; held = bytearray(64 << 20)\nwhile time.process_time() < 0.2: pass\nprint('done')"
    sample, printed = run((sys.executable, "-c", busy), HERE)
    assert printed == "done\n"
    assert 0.2 <= sample.cpu < 2
    assert sample.wall >= 0.2
    assert sample.memory > 64  # no upper bound: Linux counts what the process that forks holds, here a test session


def test_a_run_that_fails_says_its_last_words() -> None:
    with pytest.raises(Failed, match="ended with 3:\nno luck"):
        run(("sh", "-c", "echo no luck; exit 3"), HERE)


def test_a_run_without_end_is_killed_with_its_children(tmp_path: Path) -> None:
    text = tmp_path / "pid"
    with pytest.raises(Failed, match="did not end"):
        run(("sh", "-c", 'sleep 60 & echo $! >"$1"; wait', "sh", str(text)), HERE, limit=0.5)
    state = Path(f"/proc/{text.read_text().strip()}/stat")
    deadline = time.monotonic() + 5
    while state.exists() and state.read_text().split()[2] != "Z" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_the_far_network_is_late_both_ways_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    async def trial() -> tuple[float, Traffic]:
        server = await asyncio.start_server(answering, "127.0.0.1", 0)
        monkeypatch.setattr("benchmarks.delay.TARGET", server.sockets[0].getsockname()[1])
        proxy = Proxy(0.05)
        near = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
        begun = time.monotonic()
        reader, writer = await asyncio.open_connection(*near.sockets[0].getsockname())
        for _ in range(2):
            writer.write(b"asked\n")
            assert await reader.readline() == b"asked\n"
        took = time.monotonic() - begun
        writer.close()
        near.close()
        server.close()
        return took, proxy.traffic

    took, traffic = asyncio.run(trial())
    assert took >= 0.3  # connecting and two questions, there and back
    assert (traffic.connections, traffic.trips) == (1, 3)


def test_everybody_gets_nothing_of_the_users_own_configuration(tmp_path: Path) -> None:
    variables = tools.tool_environment(servers.BenchmarkServers(tmp_path, 1), tmp_path / "1")
    assert variables["HOME"] == str(tmp_path)
    assert "SSH_AUTH_SOCK" not in variables


def test_two_nodes_are_measured_on_real_servers_that_leaves_nothing_behind(tmp_path: Path) -> None:
    if why := servers.why_impossible():
        pytest.skip(why)
    words = ("--nodes", "2", "--rounds", "1", "--no-delay", "--tools", f"{FLOOR},{LOOK},{WHOLE}")
    command = (sys.executable, "-m", "benchmarks", *words)
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    measures = done.stdout.partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")] for line in measures]
    assert [row[1] for row in rows] == [FLOOR, LOOK, WHOLE]
    assert all(float(row[3]) > 0 and float(row[5]) > 0 for row in rows)
    assert "failed" not in done.stderr
    assert list(tmp_path.iterdir()) == []
