"""Settings for all tests: performance is the benchmarks' business, so no example has a deadline."""

from hypothesis import settings

settings.register_profile("uptake", deadline=None)
settings.load_profile("uptake")
