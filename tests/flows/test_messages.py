"""The messages that end runs: their numbers add up."""

from flows.clusters.messages import sync_summary
from flows.discovery.messages import discovery_summary
from models.core.runs.counts import ChangeCounts

COUNTS = ChangeCounts(failed=16, skipped=1)
ERROR = f"cluster eu: {COUNTS.summarize_failures()} (shop: answered 403)"


def test_failed_changes_were_not_made() -> None:
    assert sync_summary(1, 20, COUNTS, [ERROR], [], dry_run=False, remark="") == (
        "1 cluster, 20 namespaces in workspaces, 0 of 17 changes made, 16 failed, 1 skipped; "
        "cluster eu: 16 of 17 changes failed, 1 skipped (shop: answered 403)"
    )


def test_a_dry_run_plans() -> None:
    message = sync_summary(1, 20, ChangeCounts(skipped=17), [], [], dry_run=True, remark="")
    assert message == "1 cluster, 20 namespaces in workspaces, 17 changes planned"


def test_discovery_left_to_another_run_counts_nothing() -> None:
    counts = ChangeCounts()
    skipped = ["cluster eu: another run holds its lease"]
    message = discovery_summary(0, 0, counts, 0, [], [], skipped, dry_run=False)
    assert message == "nothing was read; cluster eu: another run holds its lease"
    message = discovery_summary(1, 0, counts, 0, [], [], skipped, dry_run=False)
    assert message == (
        "1 cluster, 0 managed Harbors, 0 changes made; cluster eu: another run holds its lease"
    )
