"""The base of every exception of this package, and the two sides that an exception can be on.

`LocalError` is about us: we asked for something that cannot be had. `RemoteError` is about octets that came from
somewhere else, usually from a peer, and knows the notify that answers them. An exception of this package is on
exactly one of the two sides. Any other exception is a bug, here or in a library: `describe_bug` describes it without
secrets.

This module imports nothing and may be imported from everywhere.
"""

from __future__ import annotations

_PACKAGE = __name__.partition(".")[0]


class Error(Exception):
    """Base of all exceptions of this package; never raised itself.

    ``code`` is a stable word for programs. The text is for people and may change.
    """

    code: str


class LocalError(Error):
    """We asked for something that cannot be had: a name that does not exist, a file that cannot be read, a suite that
    the data plane does not support.
    """


class RemoteError(Error):
    """Something that was received cannot be accepted.

    ``notify`` is the number of the NOTIFY message type that answers a peer (RFC 2408 §3.14.1); None if nothing does.
    """

    notify: int | None = None


def describe_bug(error: BaseException) -> str:
    """Return the type of ``error`` and its place, ``file:line function``: the innermost line of this package that the
    traceback leads through, or the innermost line of all if it leads through none.

    Neither its message nor values of variables are in the text: they may hold secrets or octets of a peer.
    """
    own, innermost, trace = "", "unknown place", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        innermost = f"{code.co_filename.rpartition('/ikev1/')[2]}:{trace.tb_lineno} {code.co_qualname}"
        if str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE:
            own = innermost
        trace = trace.tb_next
    return f"{type(error).__qualname__} at {own or innermost}"
