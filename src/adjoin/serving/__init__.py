"""Search for other programs: the server of the Model Context Protocol, for coding assistants."""
