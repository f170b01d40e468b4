"""The host's end of the link: the client, whose methods are the commands, and the transports that carry its bytes."""
