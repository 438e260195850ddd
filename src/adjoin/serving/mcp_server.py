"""The server of the Model Context Protocol: `search`, `similar` and `status` for coding assistants, over stdio.

    client -> stdin -> the SDK's loop -> one worker thread: refresh, search -> `budget.answer` -> stdout -> client

One worker thread does all the work, so that calls of an impatient client wait for each other and the index is open
in one thread. The SDK (`pip install 'adjoin[mcp]'`) is imported only here. It takes 0.7 CPU-seconds.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, TypeVar

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from adjoin import __version__
from adjoin.errors import AdjoinError, first_line
from adjoin.index.folders.repositories import Found
from adjoin.index.naming import also_line, short_name
from adjoin.index.postgres.address import StoreAddress
from adjoin.serving.budget import FEWEST_TOKENS, Passage, answer
from adjoin.serving.workspace import Progress, Workspace

DEFAULT_TOKENS = 4000
DEFAULT_LIMIT = 8
_INSTRUCTIONS = (
    "Search the code and documents of this repository by meaning and by words. Ask `search` before reading files "
    "or running grep when you look for where something is done, defined or described. Ask in plain words, or with "
    'the name of a symbol, a path or an error message. Each result has path:first-last and its text; "also" '
    "names further good places of the file. A result marked (weak) probably does not answer the question."
)
_ANNOTATIONS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
_Result = TypeVar("_Result")

Repository = Annotated[
    str | None,
    Field(
        description="Folder to search: one of the repositories of this server or a folder in one. Default: all."
    ),
]
MaxTokens = Annotated[
    int, Field(ge=FEWEST_TOKENS, description="Most tokens of the answer, by an estimate that is rather high.")
]
Limit = Annotated[int, Field(ge=1, le=100, description="Most results.")]


def serve(paths: Sequence[Path], *, model: str | None = None, store: StoreAddress | None = None) -> None:
    """Serve until the client closes standard input.

    Args:
        paths: the repositories that may be searched; none for that of the current folder.
        model: the model for new indexes; None for the default.
        store: the database that holds the indexes; None for the repositories' own folders.

    Raises:
        AdjoinError: a path does not exist, or the database cannot be reached.
    """
    build_server(Workspace(paths, model=model, store=store)).run("stdio")


def build_server(workspace: Workspace) -> "MCPServer[None]":
    """The server with its three tools.

    Args:
        workspace: the repositories that may be searched.
    """
    server: MCPServer[None] = MCPServer(
        "adjoin", title="Adjoin", version=__version__, instructions=_INSTRUCTIONS, log_level="WARNING"
    )
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="adjoin")

    async def working(work: Callable[[Progress], _Result], context: "Context[None]") -> _Result:
        loop = asyncio.get_running_loop()

        def progress(done: int, total: int) -> None:
            asyncio.run_coroutine_threadsafe(context.report_progress(done, total), loop)

        try:
            return await loop.run_in_executor(worker, work, progress)
        except (AdjoinError, OSError, sqlite3.Error) as error:
            raise ToolError(first_line(error)) from error

    @server.tool(title="Search the repository", annotations=_ANNOTATIONS, structured_output=False)
    async def search(
        query: Annotated[str, Field(description="Plain words, a symbol's name, a path or an error message.")],
        context: "Context[None]",
        paths: Annotated[
            list[str] | None,
            Field(description='Only files that match one of these globs; "!glob" leaves files out.'),
        ] = None,
        languages: Annotated[
            list[str] | None, Field(description='Only these languages, such as ["python", "go", "markdown"].')
        ] = None,
        limit: Limit = DEFAULT_LIMIT,
        repository: Repository = None,
        max_tokens: MaxTokens = DEFAULT_TOKENS,
    ) -> str:
        """Find code and documents that answer a question. Gives path:first-last, name and text, best first."""
        hits = await working(
            lambda progress: workspace.search(
                query,
                paths=paths or (),
                languages=languages or (),
                limit=limit,
                repository=repository,
                progress=progress,
            ),
            context,
        )
        return answer([passage_of(hit) for hit in hits], max_tokens)

    @server.tool(title="Find similar code", annotations=_ANNOTATIONS, structured_output=False)
    async def similar(
        file: Annotated[str, Field(description="A file of the repository.")],
        line: Annotated[int, Field(ge=1, description="A line of the function or section, counted from 1.")],
        context: "Context[None]",
        limit: Limit = DEFAULT_LIMIT,
        repository: Repository = None,
        max_tokens: MaxTokens = DEFAULT_TOKENS,
    ) -> str:
        """Find code that is like the piece at a line of a file: duplicates, siblings, other implementations."""
        hits = await working(
            lambda progress: workspace.similar(file, line, limit=limit, repository=repository, progress=progress),
            context,
        )
        return answer([passage_of(hit) for hit in hits], max_tokens)

    @server.tool(title="State of the index", annotations=_ANNOTATIONS, structured_output=False)
    async def status(context: "Context[None]", repository: Repository = None) -> str:
        """Tell what is indexed: repositories, files, pieces, languages, what was skipped and why."""
        return await working(lambda progress: workspace.status(repository, progress=progress), context)

    return server


def passage_of(found: Found) -> Passage:
    """A hit as a passage of an answer."""
    hit = found.hit
    name, also = short_name(hit.name), also_line(hit.also)
    return Passage(found.file, hit.first_line, hit.last_line, name, hit.language, hit.text, hit.weak, also)
