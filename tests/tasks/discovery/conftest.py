"""The emulated cluster and its client, as the tests of the cluster's client have them."""

from tests.tasks.clusters.conftest import client, cluster, quick_retries

__all__ = ["client", "cluster", "quick_retries"]
