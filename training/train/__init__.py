"""Trains a recipe, leg by leg, in a run folder."""
