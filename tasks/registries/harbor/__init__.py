"""Harbor (https://goharbor.io), 2.9 and newer."""

from tasks.registries.harbor.client import Harbor
from tasks.registries.harbor.proving import Doubt

__all__ = ["Doubt", "Harbor"]
