"""What a command's answer says of a GPU: yes, no, or nothing."""

import pytest

from fleetkeeper.transport.commands import Output
from remediate.gpu_check import ENGINE_ERRORS, Unproven, blindness

TENSORFLOW = "[PhysicalDevice(name='/physical_device:%s:0', device_type='%s')]"


@pytest.mark.parametrize(
    "printed",
    [
        *("True", "true\n\n", "1", "8", "cuda", "cuda:0", TENSORFLOW % ("GPU", "GPU"), "['/physical_device:GPU:0']"),
        *("[CudaDevice(id=0), CudaDevice(id=1)]", "/device:GPU:0", "loading …\n True "),
    ],
)
def test_a_command_that_prints_yes_saw_a_gpu(printed: str) -> None:
    assert blindness(Output(0, printed.encode(), b"a warning")) == ""


@pytest.mark.parametrize(
    "printed",
    ["False", "0", "None", "[]", "()", "cpu", TENSORFLOW % ("CPU", "CPU"), "[CpuDevice(id=0)]", "True\nFalse"],
)
def test_case_107_a_command_that_ends_well_and_prints_no_has_fallen_back_to_the_cpu(printed: str) -> None:
    assert "a silent fall-back to the CPU" in blindness(Output(0, printed.encode()))


def test_a_command_that_fails_saw_none_and_what_it_printed_is_not_repeated() -> None:
    why = blindness(Output(1, b"True\n", b"Traceback: password=hunter2\n"))
    assert why == "it ended with status 1"


@pytest.mark.parametrize(
    "printed",
    ["", "\n", "cuda not available", "Trueish", "GPU:0 is gone", "password=hunter2", "ready", "1000", "-1", "é"],
)
def test_what_is_neither_yes_nor_no_proves_nothing_and_is_not_repeated(printed: str) -> None:
    with pytest.raises(Unproven) as why:
        blindness(Output(0, printed.encode()))
    assert "hunter2" not in str(why.value)


@pytest.mark.parametrize("rc", [69, 124, 125, 126, 127, 137])
def test_a_command_that_did_not_run_to_its_end_proves_nothing(rc: int) -> None:
    with pytest.raises(Unproven):
        blindness(Output(rc, b"True\n"))


@pytest.mark.parametrize("error", ENGINE_ERRORS)
def test_a_container_that_is_gone_and_a_lost_connection_prove_nothing(error: str) -> None:
    with pytest.raises(Unproven):
        blindness(Output(1, b"", f"{error}: x\n".encode()))
    with pytest.raises(Unproven):
        blindness(Output(None, b"True\n", lost="the connection was lost"))
