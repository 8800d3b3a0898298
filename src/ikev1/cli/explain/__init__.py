"""`ikev1 explain`: explain the IKE exchanges in a capture, as text, JSON or HTML."""
