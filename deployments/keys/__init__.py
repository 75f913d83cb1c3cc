"""The Prefect server's password and key, as `make serve` keeps them."""
