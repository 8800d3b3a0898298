"""`python -m ikev1` is the command `ikev1`."""

from ikev1.cli.main import main

main(prog_name="ikev1")
