"""Flow parameters and how Prefect's forms show them."""
