"""`make migrate`: migrate the configured database to this version."""

import sys

from sqlalchemy.exc import OperationalError

from deployments.data_dir import check_complete
from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from tasks.secrets.robot_secrets import ensure_keys
from tasks.store.migrate import migrate


def main() -> int:
    """Migrate the database, then update the keys if there are any."""
    try:
        check_complete(get_settings().data_dir)
        migrate(get_settings().database)
        print("The database is up to date.")
        if get_settings().secret_keys.get_secret_value() or get_settings().key_file.is_file():
            print(ensure_keys() or "The keys are up to date.")
    except InvalidRequest as error:
        print(f"Migration failed: {error}", file=sys.stderr)
        return 1
    except OperationalError as error:  # its text contains the statement, not the cause alone
        cause = type(error.orig).__name__
        print(
            f"Migration failed: the database cannot be used ({cause}). Check that its server runs, "
            "and the address, user and password in REGISTRY_INTEGRATION_DATABASE_URL",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
