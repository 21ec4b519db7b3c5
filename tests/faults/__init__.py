"""The fault suite: what happens to a daemon in the course of years, done to real processes (`docs/reliability.md`)."""

import pytest

pytest.register_assert_rewrite("tests.faults.invariant", "tests.faults.levels", "tests.faults.machine")
