"""Readers: one module per file format. Each turns the bytes of a file into Documents that keep its lines."""
