"""Warm starts: flow runs are forked from a process that has imported Prefect and all flows.

`flow_run` hands a run to the fork server, or starts it itself; nothing depends on the fork server.
"""
