"""Files and folders, and who else on this machine could read, change or replace them."""
