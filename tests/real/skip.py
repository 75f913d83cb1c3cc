"""What to do when a real part is not on this machine."""

import os
import shutil
from typing import NoReturn

import pytest


def report_missing(part: str, remedy: str) -> NoReturn:
    """Skip, or fail where CI=true: there a missing part means an unchecked build."""
    reason = f"{part} is missing; {remedy}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def program(name: str, remedy: str) -> str:
    """The path of a program, or `report_missing`."""
    path = shutil.which(name) or shutil.which(name, path="/usr/bin:/usr/local/bin:/usr/sbin")
    return path or report_missing(name, remedy)
