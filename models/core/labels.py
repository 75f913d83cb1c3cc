"""Kubernetes labels and label selectors that are the defaults of settings."""

import re

WORKSPACE_LABEL = "registry-integration.io/workspace"
"""The default namespace label that contains the workspace name."""


HELM_SELECTOR = (
    "component=core,chart=harbor*"
    ";component=core,app=harbor*"
    ";app.kubernetes.io/component=core,!component,helm.sh/chart=harbor-*"
    ";app.kubernetes.io/component=core,!component,app.kubernetes.io/name=harbor*"
)
"""Label selectors for the Harbor core Deployment of a chart; one of them must match.

A value that ends in `*` is matched by this service and the rest by the API server, so these take
two lists. The first two are for https://github.com/goharbor/harbor-helm: all releases since 1.3.0
have these labels; `app` is lost with `nameOverride`, and `chart` if another chart includes this one
under an alias. The others are for
https://github.com/bitnami/charts/tree/main/bitnami/harbor, which uses other keys and keeps only
`helm.sh/chart=harbor-VERSION` with `nameOverride`.
"""


def split_requirements(selector: str) -> list[str]:
    """Split a label selector at the commas that are not inside parentheses; takes linear time.

    See https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
    """
    parts, depth = [""], 0
    for piece in re.split(r"([(),])", selector):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += piece
    return parts
