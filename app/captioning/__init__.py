"""The inference core: a photo in, captions out. Knows nothing of Flask."""
