"""The `hil` command, one verb a file; verbs are found by name through the entry point group `hil.verbs`."""
