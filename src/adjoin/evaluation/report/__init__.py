"""Reports of an evaluation as JSON, Markdown, HTML and figures, and comparisons of several reports."""
