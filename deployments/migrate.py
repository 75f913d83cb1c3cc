"""`make migrate`: migrate the configured database to this version."""

from models.core.settings import get_settings
from tasks.secrets.robot_secrets import ensure_keys
from tasks.store.migrate import migrate

if __name__ == "__main__":
    migrate(get_settings().database)
    print("The database is up to date.")
    if get_settings().secret_keys.get_secret_value() or get_settings().key_file.is_file():
        print(ensure_keys() or "The keys are up to date.")
