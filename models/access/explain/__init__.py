"""Explain why a namespace can or cannot pull an image."""
