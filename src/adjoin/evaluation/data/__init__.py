"""Evaluation data on disk: retrieval tasks in the BEIR layout, labelled texts, scored sentence pairs."""
