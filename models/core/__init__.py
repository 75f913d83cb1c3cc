"""Definitions shared by all model packages; imports none of them."""
