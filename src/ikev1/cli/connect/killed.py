"""What a killed `ikev1 connect` has left in the kernel, and the next one removes, with whatever device."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ikev1.config.options import GatewayOptions
from ikev1.core.records.record import replace
from ikev1.daemon.l2tp.private_folder import BASE

_DEVICE = "device"  # a file in the temporary folder of a process


def note_device(folder: Path, device: str) -> None:
    """Record in the temporary ``folder`` of this process for which ``device`` it configures the kernel.

    Raises:
        OSError: the file cannot be written.
    """
    (folder / _DEVICE).write_text(device)


def undo(folder: Path, options: GatewayOptions) -> None:
    """Remove the packet filter, the SAs and the policies of the killed process with the temporary ``folder``, which may
    drop packets of this one. For the same device they stay until this process replaces them, so that nothing leaves in
    the clear in between; ``options`` are those of this process.
    """
    from ikev1.daemon.host.data_plane_choice import forget_kernel, forget_userspace
    from ikev1.esp.plane import PlaneError

    with suppress(OSError):  # it was killed before it had a device
        device = (folder / _DEVICE).read_text()
        if device == options.tun:
            return
        theirs = replace(options, tun=device, control=str(BASE / device))
        for forget in (forget_userspace, forget_kernel):
            with suppress(PlaneError, OSError):
                forget(theirs)
