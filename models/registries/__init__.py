"""Registries: what they are, what is observed of them, and what is planned there."""
