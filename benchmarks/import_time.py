"""What `import ikev1` costs beside `import cryptography`, in CPU milliseconds.

    PYTHONPATH=src python benchmarks/import_time.py [--runs N] [MODULE ...]

Each import has a process of its own, and all take turns, so that a machine that slows down does so for all. What Python
itself takes to start is not counted. Compiled files are there from a first turn that does not count, in a folder of
their own, since `make bench` has Python write none beside the source.

`import cryptography` alone loads neither OpenSSL nor any cipher: `cryptography.x509` is what it costs to use it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from statistics import median

REFERENCE = "cryptography"
OURS = "ikev1"
OTHERS = ("cryptography.x509",)
_PROGRAM = """
import time
began = time.process_time_ns()
import {module}
print(time.process_time_ns() - began)
"""


def spent(module: str, compiled: str) -> float:
    """CPU milliseconds of one import in a fresh process that has its compiled files in the folder ``compiled``."""
    command = [sys.executable, "-c", _PROGRAM.format(module=module)]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled}
    return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout) / 1e6


def measure(modules: list[str], runs: int) -> dict[str, list[float]]:
    """CPU milliseconds of ``runs`` imports of each module, taken in turn."""
    times: dict[str, list[float]] = {module: [] for module in modules}
    with tempfile.TemporaryDirectory() as compiled:
        for module in modules:
            spent(module, compiled)
        for _ in range(runs):
            for module in modules:
                times[module].append(spent(module, compiled))
    return times


def main() -> None:
    """Print a line for each module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=OTHERS, metavar="MODULE", help="more modules to compare")
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    times = measure(list(dict.fromkeys([REFERENCE, OURS, *options.modules])), options.runs)
    reference = median(times[REFERENCE])
    print(f"{'import':<24} {'median':>8} {'least':>8} {'most':>8}   ratio of the medians to {REFERENCE}")
    for module, each in times.items():
        print(f"{module:<24} {median(each):8.1f} {min(each):8.1f} {max(each):8.1f}   {median(each) / reference:.2f}")


if __name__ == "__main__":
    main()
