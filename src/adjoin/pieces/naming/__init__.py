"""How definitions are read in each family of languages: kind and name."""
