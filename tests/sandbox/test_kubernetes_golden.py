"""The emulated cluster answers as a real kube-apiserver did."""

from deployments.sandbox.kubernetes import running_cluster
from tests.sandbox.kubernetes_replay import Replay, normal, recorded


def test_it_answers_as_the_real_one_did() -> None:
    differing = []
    with running_cluster() as cluster:
        for step, status, answer in Replay(cluster).play(recorded()):
            wanted, found = (step["status"], step["answer"]), (status, normal(answer))
            if wanted != found:
                differing.append((step["note"], wanted, found))
    assert differing == []
