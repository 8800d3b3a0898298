"""The audit rules for captures, one module per family of rules.

A rule is a function from all conversations (`ikev1.audit.parsed`) to its findings.
"""
