"""The structures of <linux/xfrm.h> as a C compiler lays them out, by ctypes: another hand than the module's."""

from __future__ import annotations

from ctypes import BigEndianStructure, Structure, c_char, c_int, c_uint8, c_uint16, c_uint32, c_uint64

Address = c_uint32 * 4


class Be16(BigEndianStructure):
    _pack_ = 2
    _fields_ = (("value", c_uint16),)


class Be32(BigEndianStructure):
    _pack_ = 4
    _fields_ = (("value", c_uint32),)


class Id(Structure):
    _fields_ = (("daddr", Address), ("spi", Be32), ("proto", c_uint8))


class Selector(Structure):
    _fields_ = (
        ("daddr", Address),
        ("saddr", Address),
        ("dport", Be16),
        ("dport_mask", Be16),
        ("sport", Be16),
        ("sport_mask", Be16),
        ("family", c_uint16),
        ("prefixlen_d", c_uint8),
        ("prefixlen_s", c_uint8),
        ("proto", c_uint8),
        ("ifindex", c_int),
        ("user", c_uint32),
    )


class LifetimeConfig(Structure):
    _fields_ = (
        ("soft_byte_limit", c_uint64),
        ("hard_byte_limit", c_uint64),
        ("soft_packet_limit", c_uint64),
        ("hard_packet_limit", c_uint64),
        ("soft_add_expires_seconds", c_uint64),
        ("hard_add_expires_seconds", c_uint64),
        ("soft_use_expires_seconds", c_uint64),
        ("hard_use_expires_seconds", c_uint64),
    )


class LifetimeCurrent(Structure):
    _fields_ = (("bytes", c_uint64), ("packets", c_uint64), ("add_time", c_uint64), ("use_time", c_uint64))


class Stats(Structure):
    _fields_ = (("replay_window", c_uint32), ("replay", c_uint32), ("integrity_failed", c_uint32))


class StateInfo(Structure):
    _fields_ = (
        ("sel", Selector),
        ("id", Id),
        ("saddr", Address),
        ("lft", LifetimeConfig),
        ("curlft", LifetimeCurrent),
        ("stats", Stats),
        ("seq", c_uint32),
        ("reqid", c_uint32),
        ("family", c_uint16),
        ("mode", c_uint8),
        ("replay_window", c_uint8),
        ("flags", c_uint8),
    )


class StateId(Structure):
    _fields_ = (("daddr", Address), ("spi", Be32), ("family", c_uint16), ("proto", c_uint8))


class SpiRange(Structure):
    _fields_ = (("info", StateInfo), ("min", c_uint32), ("max", c_uint32))


class Template(Structure):
    _fields_ = (
        ("id", Id),
        ("family", c_uint16),
        ("saddr", Address),
        ("reqid", c_uint32),
        ("mode", c_uint8),
        ("share", c_uint8),
        ("optional", c_uint8),
        ("aalgos", c_uint32),
        ("ealgos", c_uint32),
        ("calgos", c_uint32),
    )


class Policy(Structure):
    _fields_ = (
        ("sel", Selector),
        ("lft", LifetimeConfig),
        ("curlft", LifetimeCurrent),
        ("priority", c_uint32),
        ("index", c_uint32),
        ("dir", c_uint8),
        ("action", c_uint8),
        ("flags", c_uint8),
        ("share", c_uint8),
    )


class PolicyId(Structure):
    _fields_ = (("sel", Selector), ("index", c_uint32), ("dir", c_uint8))


class Encapsulation(Structure):
    _fields_ = (("encap_type", c_uint16), ("encap_sport", Be16), ("encap_dport", Be16), ("encap_oa", Address))


class ReplayEsn(Structure):
    _fields_ = (
        ("bmp_len", c_uint32),
        ("oseq", c_uint32),
        ("seq", c_uint32),
        ("oseq_hi", c_uint32),
        ("seq_hi", c_uint32),
        ("replay_window", c_uint32),
    )


class Algorithm(Structure):
    _fields_ = (("alg_name", c_char * 64), ("alg_key_len", c_uint32))


class AlgorithmWithIcv(Structure):
    """struct xfrm_algo_auth and struct xfrm_algo_aead."""

    _fields_ = (("alg_name", c_char * 64), ("alg_key_len", c_uint32), ("alg_icv_len", c_uint32))


class Expire(Structure):
    _fields_ = (("state", StateInfo), ("hard", c_uint8))


class Acquire(Structure):
    _fields_ = (
        ("id", Id),
        ("saddr", Address),
        ("sel", Selector),
        ("policy", Policy),
        ("aalgos", c_uint32),
        ("ealgos", c_uint32),
        ("calgos", c_uint32),
        ("seq", c_uint32),
    )


class Mapping(Structure):
    _fields_ = (
        ("id", StateId),
        ("reqid", c_uint32),
        ("old_saddr", Address),
        ("new_saddr", Address),
        ("old_sport", Be16),
        ("new_sport", Be16),
    )
