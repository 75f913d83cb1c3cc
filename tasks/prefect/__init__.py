"""Artifacts and events sent to Prefect."""
