"""Kubernetes clusters, their namespaces and pull secrets."""
