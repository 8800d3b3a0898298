"""The gateway as a process: the only floor that waits (asyncio), reads the clock and draws random numbers."""
