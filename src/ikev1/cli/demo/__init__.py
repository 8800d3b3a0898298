"""`ikev1 demo`: two gateways on this machine, a tunnel between them, and every message explained."""
