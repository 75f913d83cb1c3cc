"""Parameters, as a person sees them in a form."""
