"""Source-measure units: one file a family, each a pure translation from a plan to the words of its manual."""
