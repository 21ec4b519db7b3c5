"""Sources that count papers: one module a source; what they share is in `monthly`."""
