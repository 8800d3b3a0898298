"""What people type: a VICI client, and the way to start the daemon."""
