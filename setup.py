"""What pyproject.toml cannot say: the checks travel inside the package; here they are a folder of their own."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithChecks(build_py):
    """Put checks/ into the built package, as fleetkeeper/checks."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "fleetkeeper" / "checks"
            target.mkdir(parents=True, exist_ok=True)
            for path in sorted(Path(__file__).with_name("checks").glob("*.py")):
                shutil.copy(path, target)


setup(cmdclass={"build_py": BuildWithChecks})
