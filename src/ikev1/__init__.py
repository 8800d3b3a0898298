"""IKEv1 (RFC 2407, 2408, 2409): a sans-IO engine, a wire codec, key derivation, and a gateway built on them.

Everything here is imported when it is first used, for the command line and the gateway import this file as well. What
follows semantic versioning is listed in docs/library.md: the names in `__all__`, and those of the modules `aio`,
`capture`, `errors`, `events`, `keys` and `testing`.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # as `typing.TYPE_CHECKING`, which costs more to import than all the rest
if TYPE_CHECKING:
    from ikev1 import aio as aio
    from ikev1 import capture as capture
    from ikev1 import errors as errors
    from ikev1 import events as events
    from ikev1 import keys as keys
    from ikev1 import testing as testing
    from ikev1.core.records.settings import Connection as Connection
    from ikev1.core.records.settings import Tunnel as Tunnel
    from ikev1.errors import Error as Error
    from ikev1.errors import LocalError as LocalError
    from ikev1.errors import RemoteError as RemoteError
    from ikev1.library.certificate_check import check_certificate as check_certificate
    from ikev1.library.connections import ConnectionOptions as ConnectionOptions
    from ikev1.library.connections import certificate as certificate
    from ikev1.library.connections import psk as psk
    from ikev1.library.connections import tunnel as tunnel
    from ikev1.library.ike import Address as Address
    from ikev1.library.ike import Datagram as Datagram
    from ikev1.library.ike import Ike as Ike
    from ikev1.library.message import Message as Message
    from ikev1.library.payloads import ID as ID
    from ikev1.library.payloads import KE as KE
    from ikev1.library.payloads import NAT_D as NAT_D
    from ikev1.library.payloads import NAT_OA as NAT_OA
    from ikev1.library.payloads import SA as SA
    from ikev1.wire.attributes import Attribute as Attribute
    from ikev1.wire.errors import WireError as WireError
    from ikev1.wire.header import Header as Header
    from ikev1.wire.payloads import Certificate as Certificate
    from ikev1.wire.payloads import CertificateRequest as CertificateRequest
    from ikev1.wire.payloads import ConfigAttributes as ConfigAttributes
    from ikev1.wire.payloads import Delete as Delete
    from ikev1.wire.payloads import Encrypted as Encrypted
    from ikev1.wire.payloads import Fragment as Fragment
    from ikev1.wire.payloads import Hash as Hash
    from ikev1.wire.payloads import Nonce as Nonce
    from ikev1.wire.payloads import Notification as Notification
    from ikev1.wire.payloads import Payload as Payload
    from ikev1.wire.payloads import Proposal as Proposal
    from ikev1.wire.payloads import Signature as Signature
    from ikev1.wire.payloads import Transform as Transform
    from ikev1.wire.payloads import Unknown as Unknown
    from ikev1.wire.payloads import VendorId as VendorId
    from ikev1.wire.registry import DOI as DOI
    from ikev1.wire.registry import AddressPreservation as AddressPreservation
    from ikev1.wire.registry import AhTransform as AhTransform
    from ikev1.wire.registry import AuthenticationMethod as AuthenticationMethod
    from ikev1.wire.registry import CertificateEncoding as CertificateEncoding
    from ikev1.wire.registry import ConfigAttribute as ConfigAttribute
    from ikev1.wire.registry import ConfigType as ConfigType
    from ikev1.wire.registry import EcnTunnel as EcnTunnel
    from ikev1.wire.registry import EncapsulationMode as EncapsulationMode
    from ikev1.wire.registry import Encryption as Encryption
    from ikev1.wire.registry import EspTransform as EspTransform
    from ikev1.wire.registry import ExchangeType as ExchangeType
    from ikev1.wire.registry import ExtendedSequenceNumber as ExtendedSequenceNumber
    from ikev1.wire.registry import Flags as Flags
    from ikev1.wire.registry import Group as Group
    from ikev1.wire.registry import GroupType as GroupType
    from ikev1.wire.registry import HashAlgorithm as HashAlgorithm
    from ikev1.wire.registry import IdType as IdType
    from ikev1.wire.registry import IntegrityAlgorithm as IntegrityAlgorithm
    from ikev1.wire.registry import IpcompTransform as IpcompTransform
    from ikev1.wire.registry import LifeType as LifeType
    from ikev1.wire.registry import NotifyType as NotifyType
    from ikev1.wire.registry import OpenEnum as OpenEnum
    from ikev1.wire.registry import PayloadType as PayloadType
    from ikev1.wire.registry import Phase1Attribute as Phase1Attribute
    from ikev1.wire.registry import Phase2Attribute as Phase2Attribute
    from ikev1.wire.registry import ProtocolId as ProtocolId
    from ikev1.wire.registry import SaDirection as SaDirection
    from ikev1.wire.registry import SignatureEncoding as SignatureEncoding
    from ikev1.wire.registry import Situation as Situation
    from ikev1.wire.registry import TransformId as TransformId
    from ikev1.wire.registry import XauthStatus as XauthStatus
    from ikev1.wire.registry import XauthType as XauthType

_MODULES = ("aio", "capture", "errors", "events", "keys", "testing")
_NAMES = {  # by the module that has them
    "core.records.settings": "Connection Tunnel",
    "errors": "Error LocalError RemoteError",
    "library.certificate_check": "check_certificate",
    "library.connections": "ConnectionOptions certificate psk tunnel",
    "library.ike": "Address Datagram Ike",
    "library.message": "Message",
    "library.payloads": "ID KE NAT_D NAT_OA SA",
    "wire.attributes": "Attribute",
    "wire.errors": "WireError",
    "wire.header": "Header",
    "wire.payloads": "Certificate CertificateRequest ConfigAttributes Delete Encrypted Fragment Hash Nonce "
    "Notification Payload Proposal Signature Transform Unknown VendorId",
    "wire.registry": "AddressPreservation AhTransform AuthenticationMethod CertificateEncoding ConfigAttribute "
    "ConfigType DOI EcnTunnel EncapsulationMode Encryption EspTransform ExchangeType "
    "ExtendedSequenceNumber Flags Group GroupType HashAlgorithm IdType IntegrityAlgorithm "
    "IpcompTransform LifeType NotifyType OpenEnum PayloadType Phase1Attribute Phase2Attribute "
    "ProtocolId SaDirection SignatureEncoding Situation TransformId XauthStatus XauthType",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}

__all__ = ("__version__", *_MODULES, *_HOMES)


if not TYPE_CHECKING:  # who checks types shall know no names but those above

    def __getattr__(name: str) -> object:
        """Import what is asked for the first time (PEP 562)."""
        from importlib import import_module

        if name in _MODULES:
            return import_module(f"ikev1.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module 'ikev1' has no attribute {name!r}")
        value: object = getattr(import_module(f"ikev1.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
