"""Managed Harbors, as the objects in a cluster show them."""
