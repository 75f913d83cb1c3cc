"""The pages of the console, one module each: read, then render; a form starts a run."""
