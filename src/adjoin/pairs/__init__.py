"""Documents → pairs: neighbouring passages, documented functions, cleaned and written as a dataset."""
