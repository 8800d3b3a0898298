"""A program that checks users, for the backend `command` of our gateway."""

from __future__ import annotations

from pathlib import Path

from lab.lab import Lab

# The protocol of the backend: a line of JSON, and an exit status
_CHECK = """#!/bin/sh
read -r question
case $question in
*'"user":"erin"'*) echo '{"verdict": "accepted", "addresses": ["10.99.0.15"], "dns": ["10.10.2.99"]}' ;;
*'"user":"carol"'*'"password":"the password of carol"'* | *'"user":"dave"'*'"password":"dave-password"'*) exit 0 ;;
*) exit 1 ;;
esac
"""


def check_user(lab: Lab) -> Path:
    """The program: carol, dave, and erin, who gets an address and a name server of her own."""
    program = lab.folder("check-user")
    program.write_text(_CHECK)
    program.chmod(0o700)
    return program
