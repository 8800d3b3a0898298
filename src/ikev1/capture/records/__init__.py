"""The values of an analysis: packets, messages as they were seen, endpoints, labels, and the report that is made."""
