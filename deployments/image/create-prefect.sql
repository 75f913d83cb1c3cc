-- Run by the PostgreSQL of compose.yaml when it creates its data directory.
CREATE DATABASE prefect OWNER registries;
