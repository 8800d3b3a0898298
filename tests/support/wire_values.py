"""Hypothesis strategies: every value that a payload can have on the wire."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from ikev1.wire.attributes import Attribute
from ikev1.wire.header import VERSION, Header
from ikev1.wire.payloads import (
    Certificate,
    CertificateRequest,
    ConfigAttributes,
    Delete,
    Fragment,
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    NatOriginalAddress,
    Nonce,
    Notification,
    Payload,
    Proposal,
    SecurityAssociation,
    Signature,
    Transform,
    Unknown,
    VendorId,
)

uint8 = st.integers(0, 0xFF)
uint16 = st.integers(0, 0xFFFF)
uint32 = st.integers(0, 0xFFFFFFFF)
octets = st.binary(max_size=64)
cookies = st.binary(min_size=8, max_size=8).filter(any)

attribute_lists = st.lists(st.builds(Attribute, st.integers(0, 0x7FFF), uint16 | octets), max_size=8).map(tuple)

SPI_SIZES = {1: range(17), 2: [4], 3: [4], 4: [2, 4]}
DELETED_SPI_SIZES = SPI_SIZES | {1: [16]}
ADDRESS_SIZES = {1: 4, 4: 8, 5: 16, 6: 32, 7: 8, 8: 32}
READ_HERE = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 20, 21, 130, 131, 132}


def spis(sizes: Sequence[int]) -> st.SearchStrategy[bytes]:
    return st.sampled_from(sizes).flatmap(lambda size: st.binary(min_size=size, max_size=size))


transforms = st.builds(Transform, uint8, uint8, attribute_lists)
proposals = uint8.flatmap(
    lambda protocol: st.builds(
        Proposal,
        uint8,
        st.just(protocol),
        spis(SPI_SIZES.get(protocol, range(256))),
        st.lists(transforms, min_size=1, max_size=4).map(tuple),
    )
)
identifications = st.one_of(uint8, st.sampled_from(sorted(ADDRESS_SIZES))).flatmap(
    lambda id_type: st.builds(
        Identification,
        st.just(id_type),
        uint8,
        uint16,
        st.binary(min_size=ADDRESS_SIZES.get(id_type, 1), max_size=ADDRESS_SIZES.get(id_type, 64)),
    )
)
deletes = uint8.flatmap(
    lambda protocol: st.sampled_from(DELETED_SPI_SIZES.get(protocol, range(1, 256))).flatmap(
        lambda size: st.builds(
            Delete, uint32, st.just(protocol), st.lists(st.binary(min_size=size, max_size=size), max_size=8).map(tuple)
        )
    )
)
original_addresses = st.sampled_from([(1, 4), (5, 16)]).flatmap(
    lambda kind: st.builds(
        NatOriginalAddress,
        st.just(kind[0]),
        st.binary(min_size=kind[1], max_size=kind[1]),
        st.sampled_from([21, 131]),
    )
)

BY_CLASS: dict[type, st.SearchStrategy[Payload]] = {
    SecurityAssociation: st.builds(
        SecurityAssociation,
        st.sampled_from([0, 1]),
        uint32.filter(lambda situation: not situation & 6),
        st.lists(proposals, min_size=1, max_size=4).map(tuple),
    ),
    KeyExchange: st.builds(KeyExchange, octets),
    Identification: identifications,
    Certificate: st.builds(Certificate, uint8, octets),
    CertificateRequest: st.builds(CertificateRequest, uint8, octets),
    Hash: st.builds(Hash, octets),
    Signature: st.builds(Signature, octets),
    Nonce: st.builds(Nonce, st.binary(min_size=8, max_size=256)),
    Notification: st.builds(Notification, uint32, uint8, octets, uint16, octets),
    Delete: deletes,
    VendorId: st.builds(VendorId, octets),
    NatDiscovery: st.builds(NatDiscovery, octets, st.sampled_from([15, 20, 130])),
    NatOriginalAddress: original_addresses,
    ConfigAttributes: st.builds(ConfigAttributes, uint8, uint16, attribute_lists),
    Fragment: st.builds(Fragment, uint16, uint8, st.booleans(), octets),
    Unknown: st.builds(Unknown, st.integers(1, 255).filter(lambda number: number not in READ_HERE), octets),
}
payloads = st.one_of(*BY_CLASS.values())
headers = st.builds(
    Header,
    cookies,
    st.binary(min_size=8, max_size=8),
    uint8,
    uint8,
    st.integers(0, 7),
    uint32,
    uint32,
    st.just(VERSION),
)
