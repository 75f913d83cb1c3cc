"""`python -m deployments.worker`: a worker and the processes of its flow runs."""
