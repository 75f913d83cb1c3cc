"""Harbor (https://goharbor.io), 2.9 and newer."""

from tasks.registries.harbor.auth import Doubt
from tasks.registries.harbor.client import Harbor

__all__ = ["Doubt", "Harbor"]
