"""Managed Harbors: those that the platform runs in its clusters."""
