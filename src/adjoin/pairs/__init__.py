"""Documents → pairs: neighbouring passages, titles, questions, documented functions; and the dataset of them."""
