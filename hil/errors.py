"""What goes wrong for the user: every error whose message is one sentence to be read on a terminal."""


class HilError(Exception):
    """Base of all errors meant for the user; the `hil` command prints the message alone and exits with 2."""


class InputError(HilError, ValueError):
    """A value, file or name that cannot be used: the message names the field, the value and what is allowed."""
