"""Harbor (https://goharbor.io), 2.9 and newer."""

from tasks.registries.harbor.auth import LockoutPolicy
from tasks.registries.harbor.client import HarborClient, open_harbor

__all__ = ["HarborClient", "LockoutPolicy", "open_harbor"]
