"""The admission policy that keeps tenants from choosing their workspace.

Its expressions are compiled and evaluated by the C++ implementation of CEL; that of the API server,
in Go, follows the same specification. tests/live tries the policy on a real API server.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from cel_expr_python import cel

from models.core.labels import WORKSPACE_LABEL
from models.discovery.trust import MANAGED_LABEL

FILE = Path(__file__).parents[2] / "deployments" / "kubernetes" / "namespace-labels.yaml"
POLICY, BINDING = yaml.safe_load_all(FILE.read_text())
VARIABLES = {item["name"]: item["expression"] for item in POLICY["spec"]["variables"]}
(VALIDATION,) = POLICY["spec"]["validations"]

# https://kubernetes.io/docs/reference/using-api/cel/#type-checking: a policy's inputs are dynamic.
_INPUTS = ("request", "object", "oldObject", "variables")
_ENVIRONMENT = cel.NewEnv(variables=dict.fromkeys(_INPUTS, cel.Type.DYN))

Labels = dict[str, str] | None
TENANT, ADMIN = ("ann", ("system:authenticated",)), ("root", ("system:masters",))
A, B = {WORKSPACE_LABEL: "team-a"}, {WORKSPACE_LABEL: "team-b"}
MANAGED, OTHER = {MANAGED_LABEL: "true"}, {"env": "prod"}


def test_what_it_applies_to() -> None:
    (rule,) = POLICY["spec"]["matchConstraints"]["resourceRules"]
    assert rule == {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["namespaces", "namespaces/status", "namespaces/finalize"],
    }
    assert POLICY["apiVersion"] == BINDING["apiVersion"] == "admissionregistration.k8s.io/v1"
    assert POLICY["spec"]["failurePolicy"] == "Fail"
    assert BINDING["spec"] == {
        "policyName": POLICY["metadata"]["name"],
        "validationActions": ["Deny"],
    }
    assert VALIDATION["reason"] == "Forbidden"


def test_it_protects_the_labels_that_this_service_trusts() -> None:
    assert yaml.safe_load(VARIABLES["labelKeys"]) == [WORKSPACE_LABEL, MANAGED_LABEL]
    for label in (WORKSPACE_LABEL, MANAGED_LABEL):
        assert label in VALIDATION["message"]


def test_each_variable_is_used_and_defined() -> None:
    text = " ".join([*VARIABLES.values(), VALIDATION["expression"]])
    assert set(re.findall(r"variables\.(\w+)", text)) == VARIABLES.keys()


CHANGES: tuple[tuple[Labels, Labels, bool], ...] = (
    (None, None, True),
    (None, OTHER, True),
    (None, A, False),
    (None, MANAGED, False),
    (None, A | OTHER, False),
    ({}, OTHER, True),
    ({}, A, False),
    (OTHER, OTHER | A, False),
    (A, A, True),
    (A, A | OTHER, True),
    (A | OTHER, A, True),
    (A, B, False),
    (A, A | MANAGED, False),
    (A | MANAGED, A, False),
    (A, None, False),
    (A, {}, False),
    (A, {WORKSPACE_LABEL: ""}, False),
)
"""Labels before and after, and whether a tenant may do that."""


@pytest.mark.parametrize(
    ("operation", "old", "new", "allowed"),
    [
        *(("UPDATE", *change) for change in CHANGES),
        *(("CREATE", *change) for change in CHANGES if change[0] is None),
    ],
)
def test_what_tenants_may_do(operation: str, old: Labels, new: Labels, allowed: bool) -> None:
    assert _is_valid(TENANT, operation, old, new) is allowed
    assert _is_valid(ADMIN, operation, old, new)


@pytest.mark.parametrize("user", [("ann", ()), ("system:masters", ("tenants",))])
def test_only_the_named_groups_and_users_are_allowed(user: tuple[str, tuple[str, ...]]) -> None:
    assert not _is_valid(user, "CREATE", None, A)
    assert _is_valid(user, "CREATE", None, A, allowedUsers=f'["{user[0]}"]')


def test_an_expression_that_fails_is_no_answer() -> None:
    with pytest.raises(AssertionError, match="Key not found"):
        _evaluate("request.nothing", {"request": {}, "object": {}, "oldObject": None}, {})
    with pytest.raises(RuntimeError, match="undeclared reference"):
        _evaluate("namespaceObject", {}, {})


def _is_valid(
    user: tuple[str, tuple[str, ...]], operation: str, old: Labels, new: Labels, **changes: str
) -> bool:
    name, groups = user
    request: dict[str, Any] = {"operation": operation, "userInfo": {"username": name}}
    if groups:
        request["userInfo"] |= {"groups": list(groups)}
    inputs = {
        "request": request,
        "object": _namespace(new),
        "oldObject": _namespace(old) if operation == "UPDATE" else None,
    }
    variables: dict[str, Any] = {}
    for variable, expression in (VARIABLES | changes).items():
        variables[variable] = _evaluate(expression, inputs, variables)
    result = _evaluate(VALIDATION["expression"], inputs, variables)
    assert isinstance(result, bool)
    return result


def _namespace(labels: Labels) -> dict[str, Any]:
    return {"metadata": {"name": "shop"} | ({} if labels is None else {"labels": labels})}


def _evaluate(expression: str, inputs: dict[str, Any], variables: dict[str, Any]) -> Any:
    value = _ENVIRONMENT.compile(expression).eval(data={**inputs, "variables": variables})
    assert value.type() != cel.Type.ERROR, value.value()
    return value.plain_value()
