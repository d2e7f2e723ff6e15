"""The names of variables whose values are most likely secret."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fleetkeeper.readers.docker.build_secrets import is_secret_name

SECRET = re.compile(
    r"(?i)(?:.{0,200}_)?(?:PASSWORD|PASSWD|PASSPHRASE|PASS|SECRET|SECRET_KEY|TOKEN|API_?KEY|PRIVATE_KEY)"
)
"""A name of a variable whose value is most likely secret."""


def secret_names(environment: Iterable[str]) -> list[str]:
    """The names of variables that look as if their values were secret. A file's name (`*_FILE`) is none.

    >>> secret_names(["AWS_SECRET_ACCESS_KEY=", "MYSQL_PWD=", "DB_PASSWORD_OLD=", "AWS_ACCESS_KEY_ID="])
    ['AWS_SECRET_ACCESS_KEY', 'MYSQL_PWD', 'DB_PASSWORD_OLD']
    >>> secret_names(["PGPASSWORD=", "DB_PASSWORD=", "DB_PASSWORD_FILE=", "DJANGO_SECRET_KEY=", "SORT_KEY=", "TOKENS="])
    ['PGPASSWORD', 'DB_PASSWORD', 'DJANGO_SECRET_KEY']
    """
    names = (item.partition("=")[0] for item in environment if "=" in item)
    return [name for name in names if SECRET.fullmatch(name) or is_secret_name(name)]
