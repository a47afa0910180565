"""What captions are worth: metrics, and what scores a checkpoint."""
