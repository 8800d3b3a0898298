"""Two configurations beside one another: that of the files, and what clients have loaded."""

from __future__ import annotations

from collections.abc import Iterable

from ikev1.aaa.options import BackendOptions, UsersOptions
from ikev1.config.findings import Finding
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Settings


def joined_settings(first: Settings, second: Settings) -> Settings:
    """``first``, and beside them the connections, pools, shunts and authorities of ``second``, which take precedence
    where both have a name.
    """
    connections = {each.name for each in second.connections}
    pools, shunts = {each.name for each in second.pools}, {each.name for each in second.shunts}
    authorities = {each.name for each in second.authorities}
    joined: Settings = replace(
        first,
        connections=(*(each for each in first.connections if each.name not in connections), *second.connections),
        pools=(*(each for each in first.pools if each.name not in pools), *second.pools),
        shunts=(*(each for each in first.shunts if each.name not in shunts), *second.shunts),
        authorities=(*(each for each in first.authorities if each.name not in authorities), *second.authorities),
    )
    return joined


def joined_backends(first: BackendOptions, second: BackendOptions) -> BackendOptions:
    """The backends of both: the users of ``second`` are those of ``first`` as well; of other backends, ``first`` takes
    precedence.
    """
    users = first.users
    if second.users is not None:
        before = () if users is None else users.secrets
        users = UsersOptions("" if users is None else users.file, tuple(dict((*before, *second.users.secrets)).items()))
    joined: BackendOptions = replace(first, users=users, pam=first.pam or second.pam)
    return joined


def about_others(findings: Iterable[Finding], own: Settings) -> list[Finding]:
    """Those of ``findings`` that are not about the connections, pools and shunts of ``own``."""
    paths = tuple(f"connection.{each.name}." for each in own.connections)
    paths += tuple(f"pools.{each.name}." for each in own.pools)
    paths += tuple(f"shunt.{each.name}." for each in own.shunts)
    return [each for each in findings if not f"{each.key}.".startswith(paths)]
