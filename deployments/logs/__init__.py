"""Log records as JSON, for Prefect's logging configuration."""
