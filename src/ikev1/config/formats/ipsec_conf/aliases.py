"""Keys of ipsec.conf that are several names of one option."""

from __future__ import annotations

from ikev1.config.findings import Rule
from ikev1.config.formats.swanctl.options import Options


def one_of(conn: Options, *names: str) -> str:
    """Which of ``names`` the conn has, the first of them if it has none. Both programs use the last one in a section,
    and that of the conn before one that it inherits; here, different values are reported.
    """
    found = [name for name in names if name in conn]
    if len({conn.take(name, str, "") for name in found}) > 1:
        text = f"is another name of {found[0]}, which has another value: remove one of them"
        conn.findings.error(conn.key(found[1]), Rule.INVALID_VALUE, text)
    return found[0] if found else names[0]
