"""`ikev1 connect`: one connection as client, in the foreground."""
