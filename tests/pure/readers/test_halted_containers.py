"""What a script stopped, paused or removed before it enters it is not entered."""

from __future__ import annotations

import pytest

from fleetkeeper.readers.docker.docker_exec import docker_executions

FOUND = "$(docker ps -q -f name=pg)"
TASK = "shop_db.1.q3x"
BY_SERVICE = "$(docker ps -q -f label=com.docker.swarm.service.name=shop_db)"


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
    "docker rename pg old; docker exec pg backup",
    "docker wait pg; docker exec pg backup",
    "docker stop app pg -t 5; docker exec pg backup",
    "docker compose up -d --scale db=0; docker compose exec -T db backup",
    "docker compose scale db=0; docker compose exec -T db backup",
    f"docker service scale shop_db=0; docker exec {TASK} backup",
    f"docker service scale shop_web=0 shop_db=0 && docker exec {BY_SERVICE} backup",
    f"docker service update --replicas 0 shop_db; docker exec {TASK} backup",
    f"docker service update --replicas=0 shop_db; docker exec {BY_SERVICE} backup",
    f"docker service rm shop_db; docker exec {BY_SERVICE} backup",
    f"docker stack rm shop; docker exec {TASK} backup",
    f"docker stack rm shop; docker exec {BY_SERVICE} backup",
    f"docker service scale shop_db=0; docker service scale shop_db=1; docker exec {TASK} backup",
    f"docker stack rm shop; docker stack deploy -c shop.yml shop; docker exec {TASK} backup",
    "systemctl stop docker.socket docker; docker exec pg backup",
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
    "docker compose stop; docker compose up -d web; docker compose exec -T db backup",
    "docker service scale -d shop_db=0; docker exec shop_db.1.q3x backup",
    f"docker service scale shop_db=0; docker exec {FOUND.replace('pg', 'shop_db')} backup",
    "docker service scale shop_db=0; docker exec $(docker ps -q -f name=shop) backup",
    "docker service scale shop_db=0; docker exec 4f5e6d7c8b9a backup",
    "docker service update --force shop_db; docker exec shop_db.1.q3x backup",
    f"docker stack rm shop; docker exec {FOUND} backup",
    "docker swarm leave --force; docker exec shop_db.1.q3x backup",
    "docker node update --availability drain data; docker exec shop_db.1.q3x backup",
    "systemctl stop docker; docker exec pg backup",
    "systemctl disable --now docker.service; docker exec pg backup",
    "service docker stop; docker exec pg backup",
    "/etc/init.d/docker stop; docker exec pg backup",
    "sudo systemctl stop containerd; docker exec pg backup",
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
    "docker rm -f pg; docker run -d --name pg postgres; docker exec pg backup",
    "docker stop pg; docker rename pg old; docker rename new pg; docker exec pg backup",
    "docker compose up -d --scale web=0; docker compose exec -T db backup",
    "docker compose down; docker compose up -d db; docker compose exec -T db backup",
    f"docker service scale shop_web=0; docker exec {BY_SERVICE} backup",
    f"docker service scale shop_web=0; docker exec {TASK} backup; docker service scale shop_web=2",
    f"docker service scale shop_db=0; docker service scale shop_db=1; docker exec {BY_SERVICE} backup",
    f"docker service update --force shop_db; docker exec {BY_SERVICE} backup",
    f"docker service update --force shop_web; docker exec {TASK} backup",
    f"docker stack rm shop; docker stack deploy -c shop.yml shop; docker exec {BY_SERVICE} backup",
    f"docker stack rm wiki; docker exec {TASK} backup",
    "docker service scale shop_db=0; docker compose exec -T db backup",
    "systemctl stop docker; systemctl start docker; docker exec pg backup",
    "systemctl stop nginx; docker exec pg backup; systemctl start nginx",
    "service postgresql stop; docker exec pg backup",
    "DOCKER_HOST=tcp://other docker stop pg; docker exec pg backup",
]


@pytest.mark.parametrize("script", UP)
def test_a_container_that_runs_again_or_is_another_one_is_entered(script: str) -> None:
    assert entered(script)[0] is True


NEVER_BEHIND = [
    "reboot; docker exec pg backup",
    "systemctl reboot && docker exec pg backup",
    "/sbin/shutdown -r now; docker exec pg backup",
    "tail -f /var/log/x; docker exec pg backup",
    "docker logs -f pg; docker exec pg backup",
    "docker compose up; docker compose exec -T db backup",
    "docker stats; docker exec pg backup",
]


@pytest.mark.parametrize("script", NEVER_BEHIND)
def test_what_stands_behind_a_command_that_does_not_end_or_ends_the_node_is_unknown(script: str) -> None:
    assert entered(script)[0] is None


GOES_ON = [
    "shutdown -c; docker exec pg backup",
    "tail -f /var/log/x & docker exec pg backup",
    "timeout 5 tail -f /var/log/x; docker exec pg backup",
    "docker logs -f pg | grep -m1 ready; docker exec pg backup",
    "docker compose -f /srv/a.yml logs; docker exec pg backup",
    "docker compose up -d; docker exec pg backup",
    "docker stats --no-stream > /tmp/x; docker exec pg backup",
    "docker exec web up; docker exec pg backup",
    "systemctl restart nginx; docker exec pg backup",
]


@pytest.mark.parametrize("script", GOES_ON)
def test_what_stands_behind_a_command_that_ends_is_run(script: str) -> None:
    assert entered(script)[0] is True


def test_a_project_in_a_directory_that_is_not_known_may_be_another_one() -> None:
    assert entered("cd $A; docker compose stop db; cd $B; docker compose exec -T db backup")[0] is None
    assert entered("cd /a; docker compose stop db; docker compose exec -T db backup")[0] is False
