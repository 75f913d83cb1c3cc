"""Check that the configured Prefect server answers, before anything is deployed to it."""

import os
import re
import time
import urllib.error
import urllib.request

_WAIT_SECONDS = 10.0
"""A server that is started at the same time may need some seconds."""

_REFUSALS = (401, 403)
_USERINFO_PATTERN = re.compile(r"//[^/@]*+@")


def api_url_error(url: str, *, own_server: str = "", wait_seconds: float = _WAIT_SECONDS) -> str:
    """Return why a Prefect API cannot be used, and what to do; empty if it answers.

    Args:
        url: the configured URL of the API.
        own_server: what happens without that URL, for the advice; empty if nothing replaces it.
        wait_seconds: how long to wait for an answer, in seconds.
    """
    deadline = time.monotonic() + wait_seconds
    while problem := _problem(url):
        if time.monotonic() >= deadline:
            break
        time.sleep(0.5)
    if not problem:
        return ""
    # A variable has priority over a profile.
    in_environment = bool(os.environ.get("PREFECT_API_URL"))
    place = "the environment variable" if in_environment else "the active Prefect profile"
    command = "unset" if in_environment else "prefect config unset"
    remove = f", or run `{command} PREFECT_API_URL` to {own_server}" if own_server else ""
    return (
        f"no Prefect API answers at {_USERINFO_PATTERN.sub('//', url)} ({problem}), which {place} "
        f"names (PREFECT_API_URL): start that server or correct the URL, which ends in /api{remove}"
    )


def _problem(url: str) -> str:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as response:  # noqa: S310 - a setting
            is_health = response.read(10).strip() in (b"true", b"")
            return "" if is_health else "the answer is not that of a Prefect server"
    except urllib.error.HTTPError as error:
        return "" if error.code in _REFUSALS else f"status {error.code}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, ValueError) as error:
        return str(error)
