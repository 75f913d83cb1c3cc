"""`make migrate`: bring the configured database to the tables of this version."""

from models.core.settings import settings
from tasks.secrets.robot_secrets import ready_keys
from tasks.store.migrate import migrate

if __name__ == "__main__":
    migrate(settings().database)
    print("The database is up to date.")
    if settings().secret_keys.get_secret_value() or settings().key_file.is_file():
        print(ready_keys() or "The keys are up to date.")
