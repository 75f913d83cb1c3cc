"""Artifacts lead to the console."""

import pytest

from tasks.prefect.artifacts import console_path, remove_console_link


@pytest.mark.parametrize(
    ("segments", "query", "path"),
    [
        ((), {}, "/"),
        (("registries", "prod"), {}, "/registries/prod"),
        (("registries", "a/../b)"), {}, "/registries/a%2F..%2Fb%29"),
        (("explain",), {"image": "prod/a b)"}, "/explain?image=prod%2Fa%20b%29"),
    ],
)
def test_paths_of_the_console(segments: tuple[str, ...], query: dict[str, str], path: str) -> None:
    assert console_path(*segments, **query) == path


def test_the_console_shows_a_page_without_the_link_to_itself() -> None:
    page = "# Plan\n\ntext\n"
    assert remove_console_link(f"[Open in the console](http://127.0.0.1:4201/)\n\n{page}") == page
    assert remove_console_link(page) == page
