"""Metrics for Prometheus: `traffic` and `loop_lag` keep what cannot be read later, `collector` reads everything else
when it is asked, `server` answers scrapes. Nothing of this exists unless ``metrics`` is configured.
"""
