"""Access: workspaces, bindings, rotation, and explanations."""
