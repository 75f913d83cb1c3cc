"""The emulated cluster answers as a real kube-apiserver did."""

from pathlib import Path

import pytest

from deployments.simulators.kubernetes import running_cluster
from tests.simulators.kubernetes_replay import SAMPLES, SOURCES, Replay, normal, recorded


@pytest.mark.parametrize("samples", [SAMPLES, SOURCES], ids=["pull secrets", "managed harbors"])
def test_it_answers_as_the_real_one_did(samples: Path) -> None:
    differing = []
    with running_cluster() as cluster:
        for step, status, answer in Replay(cluster).play(recorded(samples)):
            wanted, found = (step["status"], step["answer"]), (status, normal(answer))
            if wanted != found:
                differing.append((step["note"], wanted, found))
    assert differing == []
