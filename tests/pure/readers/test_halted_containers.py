"""What a script stopped, paused or removed before it enters it is not entered."""

from __future__ import annotations

import pytest

from fleetkeeper.readers.docker.docker_exec import docker_executions

FOUND = "$(docker ps -q -f name=pg)"


def entered(script: str) -> tuple[bool | None, str]:
    *_, run = docker_executions(script)
    return run.reach.value, run.reach.why


HALTED = [
    "docker stop pg; docker exec pg backup",
    "docker stop -t 5 app pg && docker exec pg backup",
    "docker container stop pg; docker exec pg backup",
    "docker pause pg; docker exec pg backup",
    "docker rm -f pg; docker exec pg backup",
    "sh -c 'docker stop pg'; sudo docker exec pg backup",
    "docker start pg; docker stop pg; docker exec pg backup",
    "docker compose stop db; docker compose exec -T db backup",
    "docker-compose down && docker-compose exec -T db backup",
    "for c in app pg; do docker stop $c; done; docker exec pg backup",
]


@pytest.mark.parametrize("script", HALTED)
def test_a_container_that_the_script_halted_itself_is_never_entered(script: str) -> None:
    value, why = entered(script)
    assert (value, "leaves no running container to enter" in why) == (False, True)


MAY_BE_HALTED = [
    "docker kill pg; docker exec pg backup",
    "docker kill -s9 pg; docker exec pg backup",
    "docker kill --signal=SIGTERM pg; docker exec pg backup",
    f"docker stop {FOUND}; docker exec {FOUND} backup",
    f"docker ps -q -f name=pg | xargs docker stop; docker exec {FOUND} backup",
    f"docker stop pg; docker exec {FOUND} backup",
    "docker stop $(docker ps -q); docker exec pg backup",
    "docker stop $container; docker exec pg backup",
    "docker compose stop db; docker exec app-db-1 backup",
    "docker compose -f /srv/a.yml stop db; docker compose exec -T db backup",
    "[ $x = y ] && docker stop pg; docker exec pg backup",
    "docker stop pg; [ $x = y ] && docker start pg; docker exec pg backup",
]


@pytest.mark.parametrize("script", MAY_BE_HALTED)
def test_a_container_that_the_script_may_have_halted_is_unknown(script: str) -> None:
    value, why = entered(script)
    assert (value, "may have halted its container" in why) == (None, True)


UP = [
    "docker stop app; docker exec pg backup; docker start app",
    "docker exec pg backup; docker stop pg",
    "docker stop pg; docker start pg; docker exec pg backup",
    "docker pause pg; tar c /srv; docker unpause pg; docker exec pg backup",
    f"docker stop {FOUND}; docker restart {FOUND}; docker exec {FOUND} backup",
    "docker stop pg; docker compose up -d; docker exec pg backup",
    "docker compose stop; docker compose up -d; docker compose exec -T db backup",
    "docker compose stop web; docker compose exec -T db backup; docker compose start web",
    "docker compose -p a stop db; docker compose -p b exec -T db backup",
    "docker stop $(docker ps -q -f name=app); docker exec pg backup",
    "docker kill -s HUP pg; docker exec pg backup",
    "docker kill -sUSR1 pg; docker exec pg backup",
    "docker rm pg; docker exec pg backup",
    "docker -H tcp://other stop pg; docker exec pg backup",
    "false && docker stop pg; docker exec pg backup",
    "docker ps -q -f name=app | xargs -r docker stop; docker exec pg backup",
]


@pytest.mark.parametrize("script", UP)
def test_a_container_that_runs_again_or_is_another_one_is_entered(script: str) -> None:
    assert entered(script)[0] is True
