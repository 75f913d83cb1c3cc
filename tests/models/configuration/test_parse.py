"""Documents of every bad kind: all errors at once, each with its place, and never a secret."""

import pytest

from models.configuration.parse import parse_documents
from models.configuration.yaml_tree import MAX_LENGTH, parse_yaml, to_plain
from models.core.errors import InvalidRequest

HARBOR = "{type: harbor, address: https://h.example.com, credential: {block: h}}"
BOMB = "x-0: &x0 [a, a, a, a, a, a, a, a, a, a]\n" + "".join(
    f"x-{level}: &x{level} [{', '.join([f'*x{level - 1}'] * 10)}]\n" for level in range(1, 9)
)
DEEP_ALIASES = "x-0: &x0 [a]\n" + "".join(
    f"x-{level}: &x{level} [[[[[*x{level - 1}]]]]]\n" for level in range(1, 9)
)

BAD = [
    ("", "f.yaml:1:1: the document is empty"),
    ("# nothing", "f.yaml:1:1: the document is empty"),
    ("registries:\n  a: [", "f.yaml:3:1: invalid YAML"),
    ("a: 1\n\tb: 2", "f.yaml:2:1: invalid YAML"),
    ("\x00", "f.yaml:1:1: invalid YAML"),
    ("\ud800", "f.yaml:1:1: the document is not valid Unicode"),
    ("{}\n---\n{}", "f.yaml:2:1: a second document begins here"),
    ("[]", "f.yaml:1:1: the document: Input should be a valid dictionary"),
    ("registry: {}", "f.yaml:1:1: registry: unknown field"),
    ("registries:", "f.yaml:1:1: registries: Input should be a valid"),
    ("spaces:\n  a:\n    b: public\n    b: private", "f.yaml:4:5: the key 'b' is in line 3"),
    ("? [a]\n: b", "f.yaml:1:3: a key must be text"),
    ("x-a: &a [*a]", "f.yaml:1:10: there is no complete anchor &a"),
    ("x-a: *b", "f.yaml:1:6: there is no complete anchor &b"),
    ("x-a: !!python/object/apply:os.system [id]", "f.yaml:1:6: tags such as"),
    ("registries: {a: !!str b}", "f.yaml:1:17: tags such as"),
    ("<<: text", "f.yaml:1:5: << needs a mapping"),
    ("[" * 100_000, "f.yaml:1:21: more than 20 levels"),
    (BOMB, "more than 500,000 values"),
    (DEEP_ALIASES, "more than 20 levels"),
    ("a" * (MAX_LENGTH + 1), "f.yaml:1:1: the document is longer than"),
    ("registries:\n  a: {type: harbor}", "f.yaml:2:3: registries.a.address: required"),
    (
        "registries:\n  a: {type: quay, address: https://h}",
        "f.yaml:2:7: registries.a.type: unknown type",
    ),
    (
        "registries:\n  a:\n    type: docker\n    address: https://u:p@h",
        "f.yaml:4:5: registries.a.address: the address contains a user name",
    ),
    ("registries:\n  A_b: " + HARBOR, "f.yaml:2:3: registries.A_b: 'A_b' is not a valid name"),
    (
        "registries:\n  a:\n    type: harbor\n    address: https://h",
        "f.yaml:2:3: registries.a: Harbor needs a credential",
    ),
    (
        "registries: {a: {type: harbor, address: https://h, credential: {block: x, file: y}}}",
        "f.yaml:1:52: registries.a.credential: name one of",
    ),
    (
        "registries: {a: {type: docker, address: https://h, credential: {environment: PATH}}}",
        "f.yaml:1:65: registries.a.credential.environment: String should match pattern",
    ),
    (
        "registries: {a: {type: docker, address: https://h, credential: {file: ../state.db}}}",
        "f.yaml:1:65: registries.a.credential.file: String should match pattern",
    ),
    (
        "registries: {a: {type: harbor, address: https://h, credential: {password: hunter2}}}",
        "must not contain credentials: name a credential instead",
    ),
    (
        "registries: {a: {type: docker, address: https://h, tls: {mode: ca, bundle: x}}}",
        "f.yaml:1:68: registries.a.tls.ca.bundle: no certificate found",
    ),
    ("spaces: {a: {Shop: public}}", "f.yaml:1:14: spaces.a.Shop: not a valid name"),
    ("spaces: {a: {shop: open}}", "f.yaml:1:14: spaces.a.shop: Input should be 'public'"),
    ("workspaces: {red: {namespaces: [shop]}}", "expected cluster/namespace"),
    (
        "workspaces: {red: {namespaces: [eu/shop], clusters: [us]}}",
        "f.yaml:1:14: workspaces.red: namespace eu/shop is listed",
    ),
    ("workspaces: {red: {service_accounts: 'a in'}}", "workspaces.red.service_accounts: "),
    ("clusters: {eu: {credential: {file: ../x}}}", "clusters.eu.credential.file: "),
    ("bindings: [{registry: a, spaces: [], workspaces: [red]}]", "f.yaml:1:26: bindings.0.spaces:"),
    ("bindings: [{registry: a, spaces: ['[a]'], workspaces: [red]}]", "nor a pattern with * and ?"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_bad_document_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        parse_documents({"f.yaml": text})
    assert message in str(error.value)
    assert "hunter2" not in str(error.value)


def test_all_errors_of_all_files_are_named_at_once() -> None:
    texts = {
        "b.yaml": "spaces: {a: {x: open}}\nclusters: {eu: {token: abc}}",
        "a.yaml": "registries: {a: {type: docker, address: h, adress: h}}\nbindings: 7",
    }
    with pytest.raises(InvalidRequest) as error:
        parse_documents(texts)
    places = [line.partition(": ")[0] for line in str(error.value).splitlines()[1:]]
    assert places == ["a.yaml:1:32", "a.yaml:1:44", "a.yaml:2:1", "b.yaml:1:14", "b.yaml:2:17"]
    assert "abc" not in str(error.value)


def test_a_thousand_errors_are_a_short_message() -> None:
    spaces = "".join(f"    s{number}: open\n" for number in range(1000))
    with pytest.raises(InvalidRequest) as error:
        parse_documents({"f.yaml": f"spaces:\n  a:\n{spaces}"})
    assert str(error.value).splitlines()[-1] == "and 900 more errors"


def test_anchors_and_merges_save_repetition() -> None:
    text = (
        "x-defaults: &defaults {type: docker, drift_policy: report}\n"
        "registries:\n"
        "  a: {<<: *defaults, address: https://a.example.com}\n"
        "  b: {<<: *defaults, address: https://b.example.com, drift_policy: enforce}\n"
    )
    (parsed,) = parse_documents({"f.yaml": text})
    policies = {
        name: entry.drift_policy.value for name, entry in parsed.document.registries.items()
    }
    assert policies == {"a": "report", "b": "enforce"}
    assert str(parsed.position("registries", "b")) == "f.yaml:4:3"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("1e3", "1e3"),
        ("0x10", "0x10"),
        ("2026-01-01", "2026-01-01"),
        ("true", True),
        ("'true'", "true"),
        ("null", None),
        ("~", None),
        ("'~'", "~"),
        ("''", ""),
    ],
)
def test_plain_text_stays_text(text: str, value: object) -> None:
    root, errors = parse_yaml(f"a: {text}", "f.yaml")
    assert root is not None
    assert (to_plain(root), errors) == ({"a": value}, ())
