"""What operators run: Grafana dashboards and provisioning, the container image, the compose stack."""
