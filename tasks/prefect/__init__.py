"""What is sent to Prefect: artifacts and events."""
