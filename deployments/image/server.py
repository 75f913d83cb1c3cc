"""The Prefect server of the image."""

from collections.abc import Mapping

from deployments.environment import server_defaults

_PORT = 4200
_KEY_VARIABLES = ("PREFECT_SERVER_ENCRYPTION_KEY", "ORION_ENCRYPTION_KEY")  # as Prefect reads them
_LEASE_STORAGE = "prefect.server.concurrency.lease_storage.filesystem"


class UnguardedServer(Exception):
    """The server would answer everybody, or keep its key beside what it encrypts."""


def server_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the server needs and the environment does not set.

    The password of the API is that of its clients, so that one Secret serves all containers.

    Raises:
        UnguardedServer: there is no password of the API, or no key of saved blocks; the message
            contains the variable. Whoever reaches the server could read all saved credentials.
    """
    names = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING")
    password = next((environment[name] for name in names if environment.get(name)), "")
    if not all(password.partition(":")):
        raise UnguardedServer(
            "PREFECT_API_AUTH_STRING, or the file of PREFECT_API_AUTH_STRING_FILE, must be a line "
            "user:password: without it, everybody who reaches the server can use all credentials"
        )
    if not any(environment.get(name) for name in _KEY_VARIABLES):
        raise UnguardedServer(
            "PREFECT_SERVER_ENCRYPTION_KEY, or PREFECT_SERVER_ENCRYPTION_KEY_FILE, must be set: "
            "Prefect would store a key of its own beside the saved blocks"
        )
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
