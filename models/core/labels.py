"""Kubernetes labels and label selectors that are the defaults of settings."""

WORKSPACE_LABEL = "registry-integration.io/workspace"
"""The default namespace label that contains the workspace name."""


HELM_SELECTOR = (
    "app=harbor,component=core"
    ";app.kubernetes.io/name=harbor,app.kubernetes.io/component=core,!component"
)
"""Label selectors for the Harbor core Deployment of a chart; one of them must match.

The first is for https://github.com/goharbor/harbor-helm (all releases have these labels), the
second for https://github.com/bitnami/charts/tree/main/bitnami/harbor, which uses other keys.
"""
