"""Anybody's measured files: read by content, judged aloud, brought into runs like those of `hil characterize`."""
