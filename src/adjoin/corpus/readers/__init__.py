"""Readers, one module per file format. Each turns a file into Documents that keep its lines."""
