"""A simulated Harbor (2.9 to 2.16) for the demo, the tests and the benchmarks.

    harbor = SimulatedHarbor(lockout_seconds=0.05)
    harbor.add_project("demo", public=True)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=harbor.app), base_url=...)

It has the operations that this service, its tests and the demo call, and no others.
tests/simulators/test_harbor_golden.py compares it with recorded responses of a real core.
"""

from deployments.simulators.harbor.simulator import SimulatedHarbor
from deployments.simulators.harbor.state.entities import Permission, Project, Robot

__all__ = ["Permission", "Project", "Robot", "SimulatedHarbor"]
