"""Requests and responses, common to all operations."""
