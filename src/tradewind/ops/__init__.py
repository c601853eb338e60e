"""What an operator of a running platform needs: alerts, metrics, health, records of who did what."""
