"""The wire to Asterisk: ARI, AMI, its configuration, its process. Knows nothing of 112."""
