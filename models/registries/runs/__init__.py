"""Runs on a registry: what they save, and the last full comparison."""
