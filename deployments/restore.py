"""`python -m deployments.restore SOURCE`: restore a backup of `python -m deployments.backup`."""

import argparse
import os
import sys
from pathlib import Path

from deployments.backup.installation import find_installation
from deployments.backup.restore import (
    Restore,
    apply_restore,
    check_restore,
    find_present,
    list_later_changes,
    require_own,
)
from deployments.backup.revocations import parse_revocations
from deployments.data_dir import DataDirInUse, lock_data_dir
from deployments.environment import prepare_data_dir
from models.core.errors import InvalidRequest

_AGE_WARNING = """\
The installation is as it was at {time} UTC. What was changed later is unknown to it, and the next
reconcile makes registries and clusters as they were then:
 * bindings that were removed later grant access again, and namespaces that were taken off a
   workspace's list are in it again; public spaces that were made private are public again;
 * registries that were moved or removed later are back, and their credentials are sent to the
   addresses of that time; passwords and kubeconfigs are those of that time;
 * bindings, registries, clusters and workspaces that were added later are gone. Robot accounts and
   pull secrets that were created for them carry the mark of this installation and are deleted, or
   replaced where a workspace still needs one.
 * Prefect's saved blocks are those of that time.
Only what --unbind, --private, --unlist and --hold took away is not as it was then. If something is
missing, do not start: restore again with all of them, as docs/backup.md says.
The original must be stopped for good: this copy has its identity, and if both run, each deletes the
robot accounts of the other."""


def main() -> int:
    """Check a backup, show what it would replace, and restore it."""
    options = _parse_options()
    os.umask(0o077)
    try:
        revocations = parse_revocations(
            options.unbind, options.private, options.unlist, options.hold
        )
        installation = find_installation(with_prefect=not options.without_prefect)
        prepare_data_dir(installation.data_dir)
        with lock_data_dir(installation.data_dir):
            keys_source = options.keys_from.resolve() if options.keys_from else None
            restore = check_restore(installation, options.source.resolve(), keys_source)
            if not options.other_installation:
                require_own(installation, restore.manifest)
            if not _confirm(restore, replacing=options.replace, confirmed=options.yes):
                print("Nothing was changed.")
                return 1
            result = apply_restore(restore, revocations)
    except (InvalidRequest, DataDirInUse, OSError) as error:
        print(f"Restore failed: {error}", file=sys.stderr)
        return 1
    if result.replaced_dir:
        print(f"Replaced files are in {result.replaced_dir}; delete them when all is well.")
    print(_AGE_WARNING.format(time=f"{restore.manifest.created_at:%Y-%m-%d %H:%M:%S}"))
    if result.unmatched:
        print(
            "Restored, but these name nothing in the backup. If one is misspelt, restore again "
            f"before you start anything: {', '.join(result.unmatched)}",
            file=sys.stderr,
        )
    return 1 if result.unmatched else 0


def _confirm(restore: Restore, *, replacing: bool, confirmed: bool) -> bool:
    """Return whether the backup may be restored; ask if it replaces something.

    Raises:
        InvalidRequest: the installation is not empty, and may not be replaced.
    """
    present = find_present(restore.installation, restore.keys)
    if not present:
        return True
    if not replacing:
        raise InvalidRequest(
            f"this installation is not empty ({', '.join(present)}): choose an empty data "
            "directory and empty databases, or add --replace to see what would be replaced"
        )
    print(f"The backup of {restore.manifest.created_at:%Y-%m-%d %H:%M:%S} UTC replaces:")
    print(*(f"  {place}" for place in present), sep="\n")
    print("Files are kept in the data directory; the content of PostgreSQL databases is lost.")
    print(*list_later_changes(restore.manifest.created_at), sep="\n", flush=True)
    if confirmed:
        return True
    return sys.stdin.isatty() and input("Type 'replace' to go on: ").strip() == "replace"


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deployments.restore",
        description=__doc__,
        epilog="@FILE reads options from a file, one a line, like --unbind=hub/team-a:red.",
        fromfile_prefix_chars="@",
    )
    parser.add_argument("source", type=Path, help="folder of the backup")
    parser.add_argument("--keys-from", type=Path, metavar="DIR", help="folder of its keys")
    parser.add_argument(
        "--replace", action="store_true", help="show what is there, ask, and replace it"
    )
    parser.add_argument("--yes", action="store_true", help="with --replace: do not ask")
    parser.add_argument(
        "--without-prefect",
        action="store_true",
        help="leave Prefect's database as it is: it is restored by other means",
    )
    parser.add_argument(
        "--other-installation",
        action="store_true",
        help="with --replace: replace the state of another installation",
    )
    _add_revocations(parser)
    return parser.parse_args()


def _add_revocations(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "what was revoked after the backup", "repeated before anything runs; repeatable"
    )
    for option, form, text in (
        ("--unbind", "REGISTRY/SPACE:WORKSPACE", "delete a binding"),
        ("--private", "REGISTRY/SPACE", "make a space private"),
        ("--unlist", "CLUSTER/NAMESPACE:WORKSPACE", "take a namespace off the list of a workspace"),
        ("--hold", "REGISTRY", "hold all its bindings: they grant nothing until you confirm them"),
    ):
        group.add_argument(option, action="append", default=[], metavar=form, help=text)


if __name__ == "__main__":
    sys.exit(main())
