"""Who may pull what: workspaces, bindings, and what follows from them."""
