"""How many threads matrix products take while a workflow embeds texts on the CPU."""

from contextlib import AbstractContextManager, nullcontext


def one_blas_thread() -> AbstractContextManager[object]:
    """Let BLAS use one thread inside the context.

    A static model multiplies one text at a time, where a second thread only waits: indexing scipy takes 168 CPU
    seconds with two threads and 47 with one. Training has its own threads. Without threadpoolctl, which comes with
    scikit-learn, nothing changes.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:
        return nullcontext()
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits
