"""The intervals that messages promise are those of the deployments."""

from datetime import timedelta
from pathlib import Path

import yaml

from models.core.runs.schedules import INTERVALS, ScheduledFlow, describe_schedule


def test_prefect_yaml_has_these_intervals() -> None:
    deployments = yaml.safe_load(Path("prefect.yaml").read_text())["deployments"]
    intervals = {
        deployment["entrypoint"].rpartition(":")[2].replace("_", "-"): deployment["schedules"]
        for deployment in deployments
        if deployment.get("schedules")
    }
    for flow in ScheduledFlow:
        schedule = intervals[flow.value][0]
        assert timedelta(seconds=schedule["interval"]) == INTERVALS[flow]


def test_a_longer_interval_counts() -> None:
    assert describe_schedule(ScheduledFlow.RECONCILE_ALL) == "reconcile-all (every 60 s)"
    five_minutes = timedelta(minutes=5)
    assert describe_schedule(ScheduledFlow.RECONCILE_ALL, five_minutes).endswith("(every 300 s)")
