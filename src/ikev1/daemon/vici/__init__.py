"""VICI, the control protocol of strongSwan: swanctl and other clients work with this daemon unchanged."""
