"""The audit comes from the pytest plugin `fleetkeeper.pytest_plugin`, which installing this project registers."""

from importlib.metadata import PackageNotFoundError, distribution

import pytest

try:
    distribution("fleetkeeper")
except PackageNotFoundError:
    raise pytest.UsageError(
        "fleetkeeper is not installed in this Python, so --hosts would mean something else\n"
        "hint: run `make venv`, then .venv/bin/pytest"
    ) from None
