"""Kubernetes clusters: their namespaces, and the pull secrets in them."""
