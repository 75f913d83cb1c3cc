"""A soak test of the served product, see `make soak`."""
