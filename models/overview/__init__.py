"""The overview, and the views of registries and workspaces."""
