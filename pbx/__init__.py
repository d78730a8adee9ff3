"""The wire to Asterisk: ARI, AMI, its configuration and its process. Knows nothing of calls to 112."""
