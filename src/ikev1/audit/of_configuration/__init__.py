"""What an audit looks for in a configuration: one file for each family of rules.

A rule is a function from what was configured (`ikev1.audit.of_configuration.subject`) to its findings.
"""
