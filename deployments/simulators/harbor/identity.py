"""Authentication. Credentials that are not accepted give an anonymous caller, never a 401.

A wrong password takes `lockout_seconds`, and locks the user for the same time.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time

from deployments.simulators.harbor.distribution import tokens
from deployments.simulators.harbor.state.core import HarborCore
from deployments.simulators.harbor.state.entities import Robot
from deployments.simulators.harbor.web.request import ANONYMOUS, Caller, HarborRequest


def basic_credentials(header: str) -> tuple[str, str] | None:
    """Return name and password of a Basic header; None for any other header."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


async def authenticate_caller(request: HarborRequest) -> Caller:
    """Authenticate in Harbor's order: bearer token on /v2, robot, local user, anonymous."""
    header = request.headers.get("authorization", "")
    if not header:
        return ANONYMOUS
    if header.lower().startswith("bearer "):
        return (
            tokens.authenticate_bearer(request.harbor, header[7:])
            if request.path.startswith("/v2/")
            else ANONYMOUS
        )
    credentials = basic_credentials(header)
    return ANONYMOUS if credentials is None else await _log_in(request.harbor, *credentials)


async def _log_in(harbor: HarborCore, name: str, password: str) -> Caller:
    # Without the database, even valid credentials give an anonymous caller.
    if not harbor.database_up or _is_locked(harbor, name):
        return ANONYMOUS
    robot = find_robot(harbor, name)
    if robot is not None and robot.secret == password and _is_usable(harbor, robot):
        return Caller(name, robot=robot)
    user = harbor.find_user(name)
    if user is not None:
        if harbor.password_seconds:
            await asyncio.sleep(harbor.password_seconds)
        if user.password == password:
            return Caller(user.name, user=user)
    harbor.locked_until[name] = time.monotonic() + harbor.lockout_seconds
    await asyncio.sleep(harbor.lockout_seconds)
    return ANONYMOUS


def _is_locked(harbor: HarborCore, name: str) -> bool:
    until = harbor.locked_until.get(name)
    if until is None:
        return False
    if until > time.monotonic():
        return True
    harbor.locked_until.pop(name, None)
    return False


def find_robot(harbor: HarborCore, login: str) -> Robot | None:
    """Return the robot with this login under the current prefix."""
    prefix = harbor.settings.robot_name_prefix
    return harbor.robots.by_stored_name(login[len(prefix) :]) if login.startswith(prefix) else None


def _is_usable(harbor: HarborCore, robot: Robot) -> bool:
    expired = robot.expires_at != -1 and robot.expires_at <= harbor.clock().timestamp()
    return not (robot.disable or expired)
