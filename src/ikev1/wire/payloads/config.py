"""Attributes payload of mode config and XAUTH (draft-dukes-ike-mode-cfg-02 §3.2)."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from ikev1.wire.layout import AttributeList, Reserved, UInt8, UInt16


class ConfigAttributes(NamedTuple):
    """Attributes payload: ``type`` is a `ConfigType`, ``identifier`` ties a reply to its request, the attributes'
    types are `ConfigAttribute`.
    """

    type: Annotated[UInt8, Reserved(1)]
    identifier: UInt16
    attributes: AttributeList
