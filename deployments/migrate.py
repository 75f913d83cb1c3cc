"""`make migrate`: bring the configured database to the tables of this version."""

from models.settings import settings
from tasks.store.migrating import migrate

if __name__ == "__main__":
    migrate(settings().database)
    print("The database is up to date.")
