"""Configuration of a simulated Harbor, as in GET /configurations."""

from __future__ import annotations

from dataclasses import asdict, dataclass

# Settings without effect here, with the defaults of a 2.16 core.
INERT_SETTINGS: dict[str, object] = {
    "audit_log_forward_endpoint": "",
    "disabled_audit_log_event_types": "",
    **dict.fromkeys(
        [
            "http_authproxy_admin_groups",
            "http_authproxy_admin_usernames",
            "http_authproxy_endpoint",
            "http_authproxy_server_certificate",
            "http_authproxy_tokenreview_endpoint",
            "ldap_base_dn",
            "ldap_filter",
            "ldap_group_admin_dn",
            "ldap_group_attribute_name",
            "ldap_group_base_dn",
            "ldap_group_search_filter",
            "ldap_search_dn",
            "ldap_url",
            "oidc_admin_group",
            "oidc_client_id",
            "oidc_endpoint",
            "oidc_group_filter",
            "oidc_groups_claim",
            "oidc_scope",
            "oidc_user_claim",
            "uaa_client_id",
            "uaa_client_secret",
            "uaa_endpoint",
        ],
        "",
    ),
    **dict.fromkeys(
        [
            "http_authproxy_skip_search",
            "ldap_group_attach_parallel",
            "oidc_auto_onboard",
            "oidc_logout",
            "scanner_skip_update_pulltime",
            "skip_audit_log_database",
            "uaa_verify_cert",
        ],
        False,
    ),
    **dict.fromkeys(["http_authproxy_verify_cert", "ldap_verify_cert", "oidc_verify_cert"], True),
    "ldap_group_membership_attribute": "memberof",
    "ldap_group_search_scope": 2,
    "ldap_scope": 2,
    "ldap_timeout": 5,
    "ldap_uid": "cn",
    "oidc_extra_redirect_parms": "{}",
    "session_timeout": 60,
}


@dataclass(slots=True)
class HarborSettings:
    """Settings with an effect; tests can change them."""

    auth_mode: str = "db_auth"
    banner_message: str = ""
    notification_enable: bool = True
    oidc_name: str = ""
    primary_auth_mode: bool = False
    project_creation_restriction: str = "everyone"
    quota_per_project_enable: bool = True
    read_only: bool = False
    robot_name_prefix: str = "robot$"
    robot_token_duration: int = 30
    self_registration: bool = False
    storage_per_project: int = -1
    token_expiration: int = 30

    def to_json(self) -> dict[str, object]:
        """Return the body of GET /configurations."""
        values = asdict(self) | INERT_SETTINGS
        entries: dict[str, object] = {
            key: {"editable": True, "value": value} for key, value in values.items()
        }
        return entries | {"scan_all_policy": {}}
