"""Messages that several flows share."""


def changes_failed(subject: str, failures: int, total: int, first: str) -> str:
    """Return the error of a run in which some changes failed.

    Args:
        subject: the registry or the cluster.
        first: the first failure.
    """
    return f"{subject}: {failures} of {total} changes failed ({first})"
