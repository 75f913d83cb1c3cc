"""Commands of the container image."""
