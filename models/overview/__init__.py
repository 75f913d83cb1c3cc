"""What people look at: the overview, and the views of registries and workspaces."""
