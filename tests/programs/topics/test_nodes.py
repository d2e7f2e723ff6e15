"""Nodes: what they answer, the rights they give, and what one round trip says about their clock."""

import pytest

from fleetkeeper.inventory.schema import Node
from fleetkeeper.topics.nodes.observe import observe as observe_nodes
from fleetkeeper.transport.commands import Output
from tests.pure.topics.test_nodes import example_inventory


def test_the_commands_are_answered_by_a_real_shell():
    """Against this machine's own tools: what the words mean is not only our belief."""
    import subprocess
    import time

    looking = observe_nodes(Node(name="here", connection="local"), example_inventory())
    outputs = []
    for command in next(looking):
        sent = time.time()
        ran = subprocess.run(command.words, capture_output=True, check=False)
        outputs.append(Output(ran.returncode, ran.stdout, ran.stderr, sent=sent, received=time.time()))
    with pytest.raises(StopIteration) as done:
        looking.send(outputs)
    assert abs(done.value.value.ahead) < 1
