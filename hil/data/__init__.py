"""Image sets: bundled, drawn, or read from IDX files."""
