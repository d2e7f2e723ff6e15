"""What a channel to a process does with its own file descriptors."""

from __future__ import annotations

import os

import pytest

from fleetkeeper.transport.processes import ProcessChannel


def test_a_channel_that_is_closed_again_leaves_the_files_of_others_alone() -> None:
    channel = ProcessChannel(["cat"])
    channel.close()
    others = [os.open(os.devnull, os.O_WRONLY) for _ in range(10)]  # they get the numbers that are free now
    channel.abort()
    channel.close()
    for other in others:
        os.close(other)  # raises OSError when somebody has closed it


def test_who_listens_to_a_channel_that_is_closed_is_told_so() -> None:
    channel = ProcessChannel(["cat"])
    channel.close()
    with pytest.raises(EOFError):
        channel.receive(1)
