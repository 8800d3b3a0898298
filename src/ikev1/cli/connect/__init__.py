"""`ikev1 connect`: this host as client of one gateway."""
