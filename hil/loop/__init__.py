"""The whole way from a measured device to a chip that behaves like it, as one resumable run of the other commands."""
