"""What is out there: one spider per source, politeness, captures, and the engine that runs them."""
