"""Reading command lines without running them; sh itself is the oracle for words."""

from __future__ import annotations

import shlex
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.readers.docker.docker_exec import docker_executions
from fleetkeeper.readers.docker.exec_targets import Target
from fleetkeeper.readers.docker.sole_purpose import has_sole_purpose
from fleetkeeper.readers.shell.words import Unreadable, literal_text, simple_commands

BY_NAME = Target("lookup", filters=(("name", "a"),))
ODD = st.text(alphabet=st.sampled_from("ab1 '\"\\$`(){}|&;<>#=-\n\t%"), max_size=40)


@given(st.one_of(ODD, st.text(max_size=60)))
def test_any_text_is_read_or_refused_in_so_many_words(text: str):
    for reader in (simple_commands, lambda script: list(docker_executions(script)), has_sole_purpose):
        with suppress(Unreadable):
            reader(text)


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\0"), max_size=10), min_size=1, max_size=5))
def test_quoted_words_come_back_as_they_were(words: list[str]):
    [command] = simple_commands("echo " + shlex.join(words))
    assert [literal_text(word) for word in command.words[1:]] == words


@pytest.mark.parametrize(
    "script", ["cat <<X\nX", "case a in a) b;; esac", "echo 'open", "echo $(open", "echo $((1+1)", "echo >"]
)
def test_what_is_not_understood_is_refused(script: str):
    with pytest.raises(Unreadable):
        simple_commands(script)


def test_arithmetic_is_a_number_that_nobody_knows():
    [command] = simple_commands("sleep $((RANDOM % (60 * 2)))")
    assert [literal_text(word) for word in command.words] == ["sleep", None]


def target(script: str) -> Target:
    [match] = docker_executions(script)
    return match.target


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("docker exec db backup", Target("name", name="db")),
        ("docker exec -u root -w /x -e A=b --env=C -itd /db backup", Target("name", name="db", user="root")),
        ("docker --log-level debug exec db backup", Target("name", name="db")),
        ("podman exec db backup", Target("name", name="db")),
        ("X=db; docker exec ${X} backup", Target("name", name="db")),
        (
            "docker exec $(docker ps -aq --filter name=a -f label=b=c) x",
            Target("lookup", filters=(("name", "a"), ("label", "b=c")), everything=True),
        ),
        ("docker exec $(docker container ls --quiet --filter=name=a) x", BY_NAME),
        ("docker exec $(docker ps -qf name=a | head -n1) x", Target("lookup", filters=(("name", "a"),), first=True)),
        ('set -- $(docker ps -q -f name=a); [ $# -eq 1 ] && docker exec "$1" x', BY_NAME),
        ("docker compose -f /srv/c.yml exec -T db backup", Target("compose", name="db", directory="/srv")),
        ("docker-compose -p p exec db backup", Target("compose", name="db", project="p")),
        ("cd /srv/x && docker compose exec -T db run -p 5", Target("compose", name="db", directory="/srv/x")),
        ("docker exec $(docker compose --project-name=p ps -q db) x", Target("compose", name="db", project="p")),
    ],
)
def test_targets_are_told(script: str, wanted: Target):
    assert target(script) == wanted


@pytest.mark.parametrize(
    "script",
    [
        "bash -lc 'docker exec $(docker ps -qf name=a) backup'",
        "/bin/bash -l -c 'docker exec $(docker ps -qf name=a) backup'",
        'bash -o pipefail -euxc "docker exec $(docker ps -qf name=a) backup"',
        r'sh -ec "docker exec \$(docker ps -qf name=a) backup"',
        "su - root -c 'docker exec $(docker ps -qf name=a) backup'",
        "runuser -u root -c 'docker exec $(docker ps -qf name=a) backup'",
        "su -c 'docker exec $(docker ps -qf name=a) backup' root",
        "eval 'docker exec $(docker ps -qf name=a) backup'",
        "run-one docker exec $(docker ps -qf name=a) backup",
        "docker exec $(docker ps -qf name=a) bash -c 'cd / && backup >/dev/null 2>&1'",
        "sleep $((RANDOM % 60)); docker exec $(docker ps -qf name=a) backup",
    ],
)
def test_shells_and_wrappers_are_looked_into(script: str):
    [match] = docker_executions(script)
    assert (match.target, match.runs(["backup"])) == (BY_NAME, True)


@pytest.mark.parametrize(
    ("script", "who"),
    [
        ("ssh data docker exec a backup", "ssh"),
        ("ssh data 'docker exec a backup'", "ssh"),
        ("cronitor exec key docker exec a backup", "cronitor"),
        ("/opt/wrap.sh -v /usr/bin/docker exec a backup", "wrap.sh"),
    ],
)
def test_what_an_unknown_program_does_with_the_command_behind_it_cannot_be_told(script: str, who: str):
    [match] = docker_executions(script)
    assert match.runs(["backup"])
    assert (match.target.kind, f"what `{who}` does" in match.target.why) == ("unclear", True)


@pytest.mark.parametrize(
    "script",
    [
        "docker exec $(cat /run/id) backup",
        "docker exec $UNKNOWN backup",
        "docker exec $(docker ps -f name=a) backup",
        "docker exec $(docker ps -ql) backup",
        "docker exec $(docker ps -q | tail -1) backup",
        "docker exec rodan_$(hostname) backup",
        "docker -H tcp://192.0.2.1 exec db backup",
        "docker --context=other exec db backup",
    ],
)
def test_targets_that_cannot_be_told_say_why(script: str):
    match = target(script)
    assert match.kind == "unclear"
    assert match.why


@pytest.mark.parametrize(
    "script",
    [
        "echo docker exec db backup",
        "docker run db backup",
        "# docker exec db backup",
        "docker exec",
        "dockerd exec db x",
    ],
)
def test_what_runs_nothing_in_a_container_is_none(script: str):
    assert list(docker_executions(script)) == []


@pytest.mark.parametrize(
    ("script", "may"),
    [
        ("docker exec $(docker ps -q -f name=a) backup > /dev/null 2>&1", True),
        ("cd / && docker exec db backup | logger -t x", True),
        ("PGPASSWORD=x docker exec db backup", False),
        ("docker exec -e PGPASSWORD=x db backup", False),
        ("docker exec db backup; curl -u me:x https://example.org", False),
        ("env A=x docker exec db backup", False),
        ("exec >/dev/null 2>&1; docker exec ${CONTAINER:-db} backup | systemd-cat -t x", True),
    ],
)
def test_a_line_is_only_kept_when_nothing_in_it_could_be_a_secret(script: str, may: bool):
    assert has_sole_purpose(script) is may


@pytest.mark.parametrize("option", ["-S '{0}'", "-iS '{0}'", "--split-string='{0}'", "--split '{0}'"])
@pytest.mark.parametrize("form", ["env {0}; docker exec db backup", "env {0} docker exec db backup"])
def test_what_env_makes_of_a_text_is_not_understood_so_neither_is_the_line(option: str, form: str):
    script = form.format(option.format("touch /srv/done"))
    assert not has_sole_purpose(script)
    with pytest.raises(Unreadable, match="env -S"):
        list(docker_executions(script))


@pytest.mark.parametrize(
    "script",
    [
        "a=$(docker ps -q);" + "a=$a$a;" * 60 + "docker exec $a backup",
        "set -- x;" + "set -- $1$1;" * 60 + "docker exec db backup",
        "export a=xxxxxxxx;" + "a=$a$a$a$a;" * 40 + "eval $a; docker exec db backup",
        "for a in x; do " + "a=$a$a;" * 60 + "docker exec $a backup; done",
    ],
)
def test_variables_that_double_each_other_are_given_up(script: str):
    with pytest.raises(Unreadable, match="variables hold more"):
        list(docker_executions(script))
