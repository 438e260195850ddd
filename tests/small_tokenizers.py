"""Small tokenizers of each kind that checkpoints bring, learned on the spot."""

import json
from collections.abc import Sequence

import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers

from adjoin.tokens import Tokenizer

END, BEGIN, UNKNOWN = "<|endoftext|>", "<|begin|>", "<unk>"


def _changed(backend: tokenizers.Tokenizer, **model: object) -> tokenizers.Tokenizer:
    """The same tokenizer with some of its model's fields replaced."""
    content = json.loads(backend.to_str())
    content["model"] |= model
    return tokenizers.Tokenizer.from_str(json.dumps(content))


def like_gpt2(texts: Sequence[str]) -> Tokenizer:
    """Bytes, a token that stands among the others, merges as strings; StarCoder's are of this kind."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=520, initial_alphabet=alphabet, special_tokens=[END], show_progress=False),
    )
    merges = [" ".join(pair) for pair in json.loads(backend.to_str())["model"]["merges"]]
    return Tokenizer(_changed(backend, merges=merges))


def like_llama3(texts: Sequence[str]) -> Tokenizer:
    """Whole words before merges, even words that no merge leads to; special tokens behind all others."""
    backend = like_gpt2(texts).backend
    merges = json.loads(backend.to_str())["model"]["merges"]
    backend = _changed(backend, ignore_merges=True, merges=[m for m in merges if "".join(m) != "Ġresult"])
    words = Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+")
    backend.normalizer = normalizers.NFC()  # Qwen's
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(words, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.add_special_tokens([BEGIN, "<|reserved|>"])
    begin = processors.TemplateProcessing(
        single=f"{BEGIN} $A", special_tokens=[(BEGIN, backend.token_to_id(BEGIN))]
    )
    backend.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), begin])
    return Tokenizer(backend)


def like_llama2(texts: Sequence[str]) -> Tokenizer:
    """Characters with bytes to fall back to, and a merge for every way in which a token falls in two."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(content=" ", left=1, right=0),
        ]
    )
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=760,
        initial_alphabet=list("[]{}é"),
        special_tokens=[UNKNOWN, END, *fallback],
        max_token_length=8,
        show_progress=False,
    )
    backend.train_from_iterator([text.replace(" ", "▁") for text in texts], trainer)
    content = json.loads(backend.to_str())
    content["added_tokens"] = [entry for entry in content["added_tokens"] if entry["content"] not in fallback]
    vocabulary = content["model"]["vocab"]
    content["model"] |= {"byte_fallback": True, "fuse_unk": True, "unk_token": UNKNOWN}
    content["model"]["merges"] = [
        (token[:cut], token[cut:])
        for token in sorted(vocabulary, key=vocabulary.__getitem__)
        for cut in range(1, len(token))
        if {token[:cut], token[cut:]} <= vocabulary.keys()
    ]
    return Tokenizer(tokenizers.Tokenizer.from_str(json.dumps(content)))


def like_ours(texts: Sequence[str]) -> Tokenizer:
    """What our own training learns."""
    return Tokenizer.train(texts, 600)


KINDS = {"gpt2": like_gpt2, "llama3": like_llama3, "llama2": like_llama2, "ours": like_ours}
