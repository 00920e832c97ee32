"""What was in what: projections of events that answer where used, where from, and recall."""
