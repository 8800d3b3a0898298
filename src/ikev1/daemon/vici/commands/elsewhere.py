"""Commands that exist in VICI but are not for this daemon: each says why, instead of being unknown."""

from __future__ import annotations

from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.request import SUCCESS, Call, Command, Refused

_CONFIGURED = "connections and secrets come from ikev1.toml: edit it, then reload-settings"
_REASONS = {
    **dict.fromkeys(("load-conn", "unload-conn", "load-shared", "unload-shared", "clear-creds"), _CONFIGURED),
    **dict.fromkeys(("load-cert", "load-key", "unload-key"), _CONFIGURED),
    **dict.fromkeys(("load-authority", "unload-authority"), "certificates are not supported"),
    **dict.fromkeys(("load-pool", "unload-pool"), "virtual addresses are not supported"),
    "load-token": "no PKCS#11 support",
    "redirect": "redirect needs IKEv2, this daemon speaks IKEv1 only",
}


def _refuse(reason: str) -> Command:
    async def refuse(_: Call) -> Section:
        raise Refused(reason)

    return refuse


async def flush_certs(_: Call) -> Section:
    """Forget cached certificates: there are none."""
    return SUCCESS


def _none(*keys: str) -> Command:
    """A query whose answer is empty, because nothing of the kind ever comes over VICI."""

    async def answer(_: Call) -> Section:
        return dict.fromkeys(keys, ())

    return answer


COMMANDS: dict[str, Command] = {
    **{name: _refuse(reason) for name, reason in _REASONS.items()},
    "flush-certs": flush_certs,
    "get-authorities": _none("authorities"),
    "get-keys": _none("keys"),
    "get-shared": _none("keys"),
    "get-pools": _none(),
    "list-certs": _none(),
    "list-authorities": _none(),
}
