"""What the world sees: the page, the API, and what both share."""
