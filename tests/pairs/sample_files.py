"""The sample sources: every language and dialect that functions are found in."""

from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"
# File → language.
LANGUAGE_OF = {
    "Store.java": "java",
    "store.js": "javascript",
    "store.ts": "typescript",
    "view.tsx": "typescript",
    "store.php": "php",
    "store.rb": "ruby",
    "store.go": "go",
    "store.rs": "rust",
}
