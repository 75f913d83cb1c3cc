"""`python -m deployments.backup TARGET`: copy the state, Prefect's database and the keys."""

import argparse
import os
import signal
import sys
from pathlib import Path

from deployments.backup.create import create_backup
from deployments.backup.installation import find_installation
from models.core.errors import InvalidRequest


def main() -> int:
    """Make a backup of the installation of the environment; the service may run meanwhile."""
    options = _parse_options()
    os.umask(0o077)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # deletes what is not complete
    try:
        installation = find_installation(with_prefect=not options.without_prefect)
        keys_target = options.keys_to.resolve() if options.keys_to else None
        manifest = create_backup(installation, options.target.resolve(), keys_target)
    except (InvalidRequest, OSError) as error:
        print(f"Backup failed: {error}", file=sys.stderr)
        return 1
    print(f"Backup of {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC: {options.target}")
    if keys_target:
        print(f"Keys: {keys_target}. Without them the backup restores no credential.")
    else:
        print("It contains the keys: who can read it can use all credentials (see --keys-to).")
    if installation.prefect and not manifest.block_key_check:
        print(
            "The key of saved blocks is not configured here: back up PREFECT_SERVER_ENCRYPTION_KEY."
        )
    return 0


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deployments.backup", description=__doc__)
    parser.add_argument("target", type=Path, help="the folder to create")
    parser.add_argument(
        "--keys-to", type=Path, metavar="DIR", help="a folder to create for the keys, elsewhere"
    )
    parser.add_argument(
        "--without-prefect",
        action="store_true",
        help="leave Prefect's database out: it has a backup of its own",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
