"""Registries: configuration, record, observation, plan and changes."""
