"""What the home pages read across the features below."""
