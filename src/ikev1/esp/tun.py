"""The TUN device: the kernel writes packets for the tunnels to it, and reads packets from the tunnels."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Iterable

from ikev1.esp.offload import HEADER_SIZE, LARGEST_PACKET, Bundle, Unit, segments
from ikev1.esp.plane import PlaneError

_DEVICE = "/dev/net/tun"
_TUNSETIFF, _TUNSETOFFLOAD = 0x400454CA, 0x400454D0  # <linux/if_tun.h>
_IFF_TUN, _IFF_NO_PI, _IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
_CHECKSUM, _TSO4, _TSO6 = 0x01, 0x02, 0x04  # TUN_F_CSUM ...: offloads that we support
_LONGEST_NAME = 15


class Tun:
    """An open, non-blocking TUN device with offload of checksums and TCP segmentation. It is removed when closed.

    Raises:
        PlaneError: the device does not exist, or this process may not create it.
    """

    def __init__(self, name: str) -> None:
        if not 0 < len(name.encode()) <= _LONGEST_NAME:
            raise PlaneError(f"{name!r} is no name for a network device: 1 to {_LONGEST_NAME} octets")
        try:
            self.fd = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            missing = error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV)
            hint = ": load the module tun, or give the container this device" if missing else ""
            raise PlaneError(f"cannot open {_DEVICE}: {error.strerror}{hint}") from error
        try:
            request = struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR)
            answer = fcntl.ioctl(self.fd, _TUNSETIFF, request)
            fcntl.ioctl(self.fd, _TUNSETOFFLOAD, _CHECKSUM | _TSO4 | _TSO6)
        except OSError as error:
            os.close(self.fd)
            hint = ": another process uses it; choose another name with `tun`" if error.errno == errno.EBUSY else ""
            raise PlaneError(f"cannot create TUN device {name}: {error.strerror}{hint}") from error
        self.name = answer[:16].rstrip(b"\0").decode()

    @classmethod
    def received(cls, fd: int, name: str) -> Tun:
        """The device ``name`` that another process opened in this way, by its descriptor ``fd``, which is closed with
        it. It may belong to another network namespace: its packets are read and written in any.
        """
        tun = cls.__new__(cls)
        tun.fd, tun.name = fd, name
        return tun

    def read(self, limit: int) -> list[Bundle]:
        """Read the waiting packets, about ``limit`` at most.

        Raises:
            PlaneError: the device was deleted.
        """
        bundles: list[Bundle] = []
        count = 0
        try:
            while count < limit:
                bundles.append(segments(os.read(self.fd, HEADER_SIZE + LARGEST_PACKET)))
                count += len(bundles[-1])
        except BlockingIOError:
            pass
        except OSError as error:
            raise PlaneError(f"the TUN device {self.name} is gone: {error.strerror}") from error
        return bundles

    def write(self, units: Iterable[Unit]) -> None:
        """Write packets to the kernel. Packets that it does not accept, e.g. while the device is down, are lost."""
        for unit in units:
            with contextlib.suppress(OSError):
                os.writev(self.fd, unit)

    def close(self) -> None:
        """Close and remove the device."""
        os.close(self.fd)
