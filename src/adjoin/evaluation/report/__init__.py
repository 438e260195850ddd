"""Reports: results as JSON, Markdown, HTML and figures, and comparisons of several runs."""
