"""The operations under /api/v2.0."""
