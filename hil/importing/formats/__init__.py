"""File formats, one a file; `catalogue` finds the one that a content is of."""
