"""Texts as token ids between the delimiters of their role; truncated texts are counted.

tokenizer     Tokenizer: a tokenizer.json, or one that is trained on the pairs
words         the ids of texts, put together from the ids of their words
byte_pairs    the ids of a word, without the tokenizers library
ragged        Ragged: the token sequences of many texts
"""

from adjoin.tokens.ragged import Ragged
from adjoin.tokens.tokenizer import DELIMITERS, FILE, ROLES, SYMMETRIC, Role, Tokenizer, encode_all

__all__ = ["DELIMITERS", "FILE", "ROLES", "SYMMETRIC", "Ragged", "Role", "Tokenizer", "encode_all"]
