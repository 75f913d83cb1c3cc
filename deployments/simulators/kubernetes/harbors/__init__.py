"""Kubernetes objects of Harbors."""
