"""Trained networks as checkpoints that the service loads."""
