"""The host's end of the link: transports, and the client that makes commands of them."""
