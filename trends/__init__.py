"""What it means: pure functions on data frames, then charts and the report."""
