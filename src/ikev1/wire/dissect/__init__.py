"""Dissection of a message into a tree of fields, each with its offset, value and meaning.

What lies where comes from the declarations that parser and builder come from (`ikev1.wire.layout`).
"""

from __future__ import annotations

from ikev1.wire.dissect.message import dissect
from ikev1.wire.dissect.tree import DissectedField, Dissection

__all__ = ["DissectedField", "Dissection", "dissect"]
