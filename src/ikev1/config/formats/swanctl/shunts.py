"""Children without SAs, whose mode is ``pass`` or ``drop``: each pair of their selectors becomes a shunt."""

from __future__ import annotations

from itertools import count as counter
from itertools import product

from ikev1.config.findings import Rule
from ikev1.config.formats.swanctl.children import MOST_PAIRS, selectors
from ikev1.config.formats.swanctl.options import Lost, Options, word
from ikev1.config.formats.written import Part
from ikev1.core.records.selector import Selector

MODES = ("pass", "drop")
_EVERYTHING = ("0.0.0.0/0", "::/0")
_ALL_MARKS = ("0/0x00000000", "0", "%unique", "%unique-dir")
_LOST = (
    *(Lost(key, "a shunt is for packets with any mark", _ALL_MARKS, True) for key in ("mark_in", "mark_out")),
    *(Lost(key, "a shunt is for all interfaces", ("0",), True) for key in ("if_id_in", "if_id_out", "interface")),
    Lost("priority", "exempt traffic precedes all tunnels, dropped traffic follows them", ("0",), True),
    Lost("policies", "policies are always installed", ("yes",), True),
)


def write_shunts(connection: Options, into: Part) -> bool:
    """Write the children of ``connection`` that are shunts to ``into``; whether it has no others."""
    children = connection.table("children")
    sections = list(children.sections())
    shunts = [(name, child) for name, child in sections if child.take("mode", str, "tunnel") in MODES]
    for name, child in shunts:
        _write(child, name, into, connection.path.rpartition(".")[2])
    return bool(shunts) and len(shunts) == len(sections)


def _write(child: Options, name: str, into: Part, connection: str) -> None:
    mode = child.take("mode", str, "")
    start = child.take("start_action", word(none="none", trap="trap", start="none", route="trap"), "none")
    ends = [
        [each for one in child.take(key, selectors, ["dynamic"]) for each in _anywhere(one)]
        for key in ("local_ts", "remote_ts")
    ]
    pairs = [pair for pair in product(*ends) if _match(*pair)] or [(ends[0][0], ends[1][0])]
    if len(pairs) > MOST_PAIRS:
        text = f"has {len(pairs)} pairs of networks: expected at most {MOST_PAIRS}"
        child.findings.error(child.key("remote_ts"), Rule.INVALID_VALUE, text)
        return
    base = name if name not in into.values else f"{connection}-{name}"
    for local, remote in pairs:
        free = next(each for n in counter(1) if (each := base if n == 1 else f"{base}-{n}") not in into.values)
        shunt = into.part(free, child.place())
        shunt.put("action", mode, child.place("mode"))
        shunt.put("local", local, child.place("local_ts"))
        shunt.put("remote", remote, child.place("remote_ts"))
        shunt.put("start", start, child.place("start_action"))
    child.lose(*_LOST)


def _anywhere(selector: str) -> list[str]:
    """``dynamic`` as all addresses of both IP versions, as in charon."""
    if not selector.startswith("dynamic"):
        return [selector]
    return [everything + selector.removeprefix("dynamic") for everything in _EVERYTHING]


def _match(local: str, remote: str) -> bool:
    """Whether a packet can match both; what cannot be read is reported by the reader of `ikev1.toml`."""
    try:
        one, other = Selector.parse(local), Selector.parse(remote)
    except ValueError:
        return True
    same = one.protocol == other.protocol or 0 in (one.protocol, other.protocol)
    return one.version == other.version and same
