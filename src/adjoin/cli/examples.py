"""Examples at the end of each verb's help: (command, what it does)."""

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "index": (
        ("adjoin index --dry-run", "what of this folder would be indexed, and what not and why"),
        ("adjoin index docs/ --model text --watch", "index prose, and again whenever a file changes"),
    ),
    "search": (
        ('adjoin search "where do we retry an upload"', "search this repository, which is indexed first"),
        ('adjoin search "parse a date" api/ web/ --path "*.ts" --json', "two repositories, for a program"),
    ),
    "status": (
        ("adjoin status", "model, files, pieces, languages, and what changed since"),
        ("adjoin status api/ --skipped", "what is not indexed, and why"),
    ),
    "mcp": (
        ("adjoin mcp --print-config", "how to tell an assistant about it"),
        ("adjoin mcp api/ web/", "serve two repositories"),
    ),
    "adapt": (("adjoin adapt . --out models/mine", "fine-tune the bundled model code on this folder"),),
    "mine": (
        ("adjoin mine src/ docs/ --out pairs/", "pairs from code and prose"),
        ("adjoin mine src/ --decontaminate eval/ --out pairs/", "without pairs from evaluation data"),
    ),
    "collect": (("adjoin collect recipes/corpora/code.toml --out pairs/code", "mine the packages of a recipe"),),
    "pairs": (("adjoin pairs show pairs/", "samples, lengths and counts"),),
    "pretrain": (("adjoin pretrain src/ docs/ --preset nano --out models/start", "a small language model"),),
    "train": (
        ("adjoin train pairs/ --out models/mine", "a static model, in minutes on a CPU"),
        ("adjoin train pairs/ --preset nano --out models/nano", "a small transformer"),
    ),
    "plan": (("adjoin plan pairs/ --preset nano", "memory and time before training starts"),),
    "evaluate": (
        ("adjoin evaluate models/mine --data eval/", "beside BM25 and the untrained model"),
        ("adjoin evaluate code --data eval/ --suite code --report reports/code", "a bundled model"),
    ),
    "compare": (("adjoin compare reports/a reports/b", "paired differences"),),
    "embed": (
        ("adjoin embed text docs.jsonl --out vectors/", "one vector per line"),
        ("adjoin embed text questions.txt --role query --out questions/", "vectors of queries"),
    ),
    "model": (("adjoin model pack --help", "the options of an action"),),
    "model pack": (("adjoin model pack models/mine --out models/small", "int8 weights"),),
    "model ensemble": (("adjoin model ensemble models/a models/b --out models/both", "one model of two"),),
    "model grow": (("adjoin model grow code --out models/start", "a transformer for adjoin train --init"),),
    "reproduce": (
        (
            "adjoin reproduce recipes/models/code-static.toml --data eval/ --out runs/code",
            "the bundled model code, in hours",
        ),
    ),
    "demo": (("adjoin demo", "about four minutes on two CPU cores"),),
}
