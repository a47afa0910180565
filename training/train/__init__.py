"""One training: the trainer, its losses, and the run folder."""
