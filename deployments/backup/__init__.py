"""Backups: what they contain, how they are made, and how they are restored."""
