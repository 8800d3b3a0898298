"""What `import ikev1` costs beside `import cryptography`, and what the first use of its parts costs after it.

CPU time of the import alone, in a new interpreter each and with compiled files; the least of many runs counts.
Ends with an error if `import ikev1` takes longer than `import cryptography`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

RUNS = 15
BUDGET = "import cryptography"
STATEMENTS = {
    "import ikev1": "import ikev1",
    BUDGET: BUDGET,
    "ikev1.Message": "import ikev1; ikev1.Message",
    "ikev1.Ike": "import ikev1; ikev1.Ike",
    "ikev1.testing": "import ikev1; ikev1.testing",
    "ikev1.aio": "import ikev1; ikev1.aio",
}


def milliseconds(statement: str, environment: dict[str, str]) -> float:
    """The time that ``statement`` takes in a new interpreter."""
    program = f"import time; start = time.process_time_ns(); {statement}; print(time.process_time_ns() - start)"
    done = subprocess.run([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, check=True)
    return int(done.stdout) / 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as compiled:
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled}
        least = {
            name: min(milliseconds(statement, environment) for _ in range(RUNS))
            for name, statement in STATEMENTS.items()
        }
    for name, took in least.items():
        print(f"{name:20} {took:8.2f} ms")
    if least["import ikev1"] > least[BUDGET]:
        raise SystemExit("import ikev1 takes longer than import cryptography")


if __name__ == "__main__":
    main()
