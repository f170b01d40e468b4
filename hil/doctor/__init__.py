"""What on this machine keeps memhil from working: findings, each with its cure; `hil doctor` shows them.

A check is a function that yields `Diagnosis`; every room brings its own as an entry point of the group ``hil.checks``.
"""
