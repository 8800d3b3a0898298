"""One self-contained HTML page of a report, an audit or a lesson: no script, font or request from elsewhere."""
