"""Captioned photos: downloads, datasets, features, batches."""
