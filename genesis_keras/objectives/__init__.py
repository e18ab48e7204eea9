"""Training objectives: the ELBO, mask consistency, and GECO's constraint."""
