"""The audit rules for configurations, one module per family of rules.

A rule is a function from the configuration (`ikev1.audit.of_configuration.subject`) to its findings.
"""
