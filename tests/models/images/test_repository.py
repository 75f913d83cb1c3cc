"""What stays of a repository when its tags are listed and read again, and its stored form."""

from hypothesis import given
from hypothesis import strategies as st

from models.images.repository import Repository
from tests.models.images.test_manifest import key


def test_a_list_keeps_the_digests_of_tags_that_stay() -> None:
    before = Repository(name="a", tags={"v1": key(1), "v2": key(2)})
    after = before.with_listed_tags(["v3", "v2", "v3"])
    assert after == Repository(name="a", tags={"v2": key(2), "v3": None})


def test_names_that_cannot_be_requested_are_counted() -> None:
    names = ["v1", "", "../x", "a/b", "a?b", "ä", ".x", "x" * 129, "x" * 128, "v1\n"]
    after = Repository(name="a").with_listed_tags(names)
    assert (after.tags, after.invalid_tag_count) == ({"v1": None, "x" * 128: None}, 8)


def test_digests_that_were_read() -> None:
    before = Repository(name="a", tags={"v1": key(1), "v2": key(2), "v3": None})
    after = before.with_digests({"v1": key(9), "v2": None})
    assert after.tags == {"v1": key(9), "v3": None}


def test_spaces() -> None:
    assert [Repository(name=name).space for name in ("app", "a/b", "a/b/c")] == ["/", "a", "a"]


@given(
    st.dictionaries(
        st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", fullmatch=True),
        st.none() | st.binary(min_size=32, max_size=32).filter(any),
    )
)
def test_the_stored_form_is_the_same(tags: dict[str, bytes | None]) -> None:
    repository = Repository(name="a", tags=tags, invalid_tag_count=3)
    assert Repository.from_packed("a", repository.packed_tags, 3) == repository


def test_unlisted_tags_are_not_an_empty_list() -> None:
    for repository in (Repository(name="a"), Repository(name="a", tags={})):
        assert Repository.from_packed("a", repository.packed_tags, 0) == repository
