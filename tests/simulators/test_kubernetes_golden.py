"""The emulated cluster answers as a real kube-apiserver did."""

from pathlib import Path

import pytest

from deployments.simulators.kubernetes import running_cluster
from tests.simulators.kubernetes_replay import SAMPLES, SOURCES, Replay, normalize, read_steps


@pytest.mark.parametrize("samples", [SAMPLES, SOURCES], ids=["pull secrets", "managed harbors"])
def test_it_answers_as_the_real_one_did(samples: Path) -> None:
    differences = []
    with running_cluster() as cluster:
        for step, status, body in Replay(cluster).play(read_steps(samples)):
            expected, actual = (step["status"], step["answer"]), (status, normalize(body))
            if expected != actual:
                differences.append((step["note"], expected, actual))
    assert differences == []
