"""What git itself keeps about a repository: its configuration, and the index of tracked files."""
