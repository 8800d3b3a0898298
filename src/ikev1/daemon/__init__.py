"""The gateway as a process: the only floor that waits (asyncio), reads the clock and draws random numbers."""

from ikev1.daemon.process import run

__all__ = ["run"]
