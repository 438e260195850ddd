"""Sample sources in every language and dialect in which functions are found."""

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
