"""Dashboards as code: `python -m deploy.grafana.build` writes the JSON that Grafana reads."""

import warnings

# The SDK warns of the classic model, which is the one that Grafana's file provisioning takes (grafana/grafana#127928, #122663).
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import grafana_foundation_sdk.builders.dashboard
    import grafana_foundation_sdk.builders.stat  # noqa: F401
