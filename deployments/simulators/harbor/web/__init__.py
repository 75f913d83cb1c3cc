"""Requests and responses: what is the same for every operation."""
