"""API password and block key of the Prefect server that `make serve` starts."""
