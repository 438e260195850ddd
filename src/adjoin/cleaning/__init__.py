"""Filters for pairs: duplicates, decontamination, caps per group, masking of secrets, licences."""
