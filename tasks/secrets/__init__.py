"""Secrets in Prefect blocks, in key files, and encrypted in the database."""
