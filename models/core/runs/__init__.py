"""Runs of flows: their context, lease, schedule, results and whether they are alive."""
