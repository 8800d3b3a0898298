"""VICI commands that this daemon does not support: each returns the reason."""

from __future__ import annotations

from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.request import SUCCESS, Call, Command, Refused

_CONFIGURED = "connections and secrets are configured in ikev1.toml: edit it, then run reload-settings"
_REASONS = {
    **dict.fromkeys(("load-conn", "unload-conn", "load-shared", "unload-shared", "clear-creds"), _CONFIGURED),
    **dict.fromkeys(("load-cert", "load-key", "unload-key"), _CONFIGURED),
    **dict.fromkeys(
        ("load-authority", "unload-authority"),
        "authorities are configured in ikev1.toml: edit it, then run reload-settings",
    ),
    **dict.fromkeys(
        ("load-pool", "unload-pool"), "pools are configured in ikev1.toml: edit it, then run reload-settings"
    ),
    "load-token": "PKCS#11 tokens are not supported",
    "redirect": "redirect requires IKEv2, but this daemon supports IKEv1 only",
}


def _refuse(reason: str) -> Command:
    async def refuse(_: Call) -> Section:
        raise Refused(reason)

    return refuse


async def flush_certs(_: Call) -> Section:
    """Flush cached certificates; there are none."""
    return SUCCESS


def _none(*keys: str) -> Command:
    """A query with an empty result, because such objects are never loaded over VICI."""

    async def answer(_: Call) -> Section:
        return dict.fromkeys(keys, ())

    return answer


COMMANDS: dict[str, Command] = {
    **{name: _refuse(reason) for name, reason in _REASONS.items()},
    "flush-certs": flush_certs,
    "get-authorities": _none("authorities"),
    "get-keys": _none("keys"),
    "get-shared": _none("keys"),
    "list-certs": _none(),
    "list-authorities": _none(),
}
