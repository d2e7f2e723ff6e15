"""What the members of a swarm offer of generic resources, and what services reserve, as managers print it."""

import json
from typing import Any

import pytest

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.gpus.resources import Facts, parse
from fleetkeeper.transport.commands import Unobservable
from tests.example_fleets.gpu_swarm import UUID
from tests.pure.topics import test_gpus

SWARM = {"LocalNodeState": "active", "ControlAvailable": True, "NodeID": "m1"}
NAMED = {"NamedResourceSpec": {"Kind": "gpu", "Value": UUID}}
OFFERING = {"ID": "w1", "Description": {"Resources": {"NanoCPUs": 8, "GenericResources": [NAMED]}}}
MANAGING = {"ID": "m1", "ManagerStatus": {"Leader": True}, "Description": {"Engine": {"EngineVersion": "20.10.24"}}}
RESERVING = {
    "Spec": {
        "Name": "rodan_gpu-celery",
        "TaskTemplate": {
            "Resources": {"Reservations": {"GenericResources": [{"DiscreteResourceSpec": {"Kind": "gpu", "Value": 1}}]}}
        },
    }
}
PLAIN = {"Spec": {"Name": "rodan_redis", "TaskTemplate": {"Resources": {}}}}


def looks() -> dict[str, Fleet]:
    """Looks for the tests that go over all topics."""
    return test_gpus.looks()


def printed(*documents: Any) -> str:
    """What the look at the swarm prints, in the shape of Docker 20.10's `inspect`."""
    return "\n".join(json.dumps(document) for document in documents)


def test_what_members_offer_and_services_reserve_is_read() -> None:
    text = printed(SWARM, [], {"NodeCertificate": ""}, [MANAGING, OFFERING], [RESERVING, PLAIN], {"Name": "a.1"})
    assert parse(text) == Facts({"w1": {"gpu": 1}}, {"rodan_gpu-celery": {"gpu": 1}}, ("w1",), {"m1": "20.10.24"})


def test_a_node_that_is_no_manager_knows_of_none() -> None:
    assert parse(printed({"LocalNodeState": "inactive"}, [])) == Facts()
    assert parse(printed({"LocalNodeState": "active", "ControlAvailable": False}, [], {})) == Facts()


@pytest.mark.parametrize(
    "documents",
    [(SWARM, [], {}, [OFFERING]), (SWARM, [], {}, {"ID": "w1"}, []), (SWARM, [], {}, [{"Description": 7}], [])],
)
def test_an_answer_that_is_cut_short_or_of_another_shape_is_unknown(documents: tuple[Any, ...]) -> None:
    with pytest.raises(Unobservable):
        parse(printed(*documents))
