"""Names that the suite's processes share."""

HOST = "toys.test"  # stands for this machine, and must be looked up
