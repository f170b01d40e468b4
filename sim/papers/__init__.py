"""The papers that the project implements, one a file: their figures, drawn from our own runs."""
