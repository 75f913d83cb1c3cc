"""Rights of each role, and rights that robots can have, as in Harbor's tables.

Roles are from src/common/rbac/project/rbac_role.go, as far as an operation of this simulator
requires a right; the grantable list is the whole one of GET /permissions.
"""

from __future__ import annotations

RightPairs = tuple[tuple[str, str], ...]


def _parse_rights(text: str) -> RightPairs:
    lines = (line.split() for line in text.strip().splitlines())
    return tuple((parts[0], action) for parts in lines for action in parts[1:])


PROJECT_ADMIN, DEVELOPER = 1, 2
"""The two roles that are simulated."""

ROLE_RIGHTS = {
    PROJECT_ADMIN: frozenset(
        _parse_rights("""
project read update delete
repository create read update delete list pull push
robot create read update delete list
""")
    ),
    DEVELOPER: frozenset(
        _parse_rights("""
project read
repository create read update list pull push
robot read list
""")
    ),
}

PUBLIC_RIGHTS = frozenset(
    _parse_rights("""
project read
repository read list pull
""")
)

_GRANTABLE_PROJECT = _parse_rights("""
log list
project read delete update
metadata read create delete list update
repository read update delete list pull push
artifact read create list delete
scan create read stop
sbom create stop read
tag create list delete
accessory list
artifact-addition read
artifact-label create delete
scanner create read
preheat-policy read create delete list update
immutable-tag create delete list update
notification-policy read create delete list update
tag-retention read create delete list update
label read create delete list update
quota read
robot create read list delete
export-cve create read
member create read update list delete
""")

_GRANTABLE_SYSTEM = _parse_rights("""
audit-log list
preheat-instance read create delete list update
project list create
replication-policy read create delete list update
replication read create list
replication-adapter list
registry read create delete list update
scan-all read update stop create
system-volumes read
garbage-collection read create list update stop
purge-audit read create list update stop
jobservice-monitor list stop
scanner read create delete list update
label read create delete update
export-cve read create
security-hub read list
catalog read
quota read list update
robot create read list delete
user read create list
ldap-user create list
user-group read create delete list update
""")

# Robots can have these rights since 2.12; before, none on robots, members and users.
_RESOURCES_SINCE_2_12 = {"robot", "member", "user", "ldap-user", "user-group"}


def grantable_rights(release: tuple[int, int]) -> tuple[RightPairs, RightPairs]:
    """Return the rights that robots of this release can have: in a project, and on the system."""
    if release >= (2, 12):
        return _GRANTABLE_PROJECT, _GRANTABLE_SYSTEM
    project = tuple(p for p in _GRANTABLE_PROJECT if p[0] not in _RESOURCES_SINCE_2_12)
    system = tuple(
        p
        for p in _GRANTABLE_SYSTEM
        if p[0] not in _RESOURCES_SINCE_2_12 and p != ("quota", "update")
    )
    return project, system
