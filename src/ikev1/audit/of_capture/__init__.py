"""What an audit looks for in a capture: one file for each family of rules.

A rule is a function from all conversations (`ikev1.audit.reading`) to its findings.
"""
