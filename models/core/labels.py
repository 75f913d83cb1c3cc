"""Kubernetes labels and label selectors that settings have as defaults."""

WORKSPACE_LABEL = "registry-integration.io/workspace"
"""The namespace label that names the workspace, unless others are configured."""


HELM_SELECTOR = (
    "app=harbor,component=core"
    ";app.kubernetes.io/name=harbor,app.kubernetes.io/component=core,!component"
)
"""Which Deployments are the Harbor core of a chart: label selectors, any of which may match.

Of https://github.com/goharbor/harbor-helm (all releases have these labels), and of bitnami's
https://github.com/bitnami/charts/tree/main/bitnami/harbor, whose labels share no key with those.
"""
