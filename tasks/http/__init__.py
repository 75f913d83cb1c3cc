"""What the HTTP clients of registries and clusters share."""
