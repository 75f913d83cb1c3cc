"""The Prefect server of the image."""

from collections.abc import Mapping

from deployments.environment import server_defaults

_PORT = 4200
_LEASE_STORAGE = "prefect.server.concurrency.lease_storage.filesystem"


def server_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the server needs and the environment does not set.

    The password of the API is that of its clients, so that one Secret serves all containers.
    """
    password = environment.get("PREFECT_API_AUTH_STRING", "")
    home = environment.get("PREFECT_HOME") or "/data/prefect"
    defaults = server_defaults(_PORT) | {
        # Prefect writes the files of its UI, by default beside its code, which is read-only.
        "PREFECT_UI_STATIC_DIRECTORY": f"{home}/ui",
        "PREFECT_SERVER_API_HOST": "0.0.0.0",  # noqa: S104 - other containers reach it
        "PREFECT_SERVER_API_PORT": str(_PORT),
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # With leases on its disk it can be restarted while flows are running.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": _LEASE_STORAGE,
    }
    return {name: value for name, value in defaults.items() if not environment.get(name)}
