"""Where a worker process begins. The supervisor imports this much of it, so that it need not wait for TensorFlow."""


def begin(connection, setup: dict) -> None:
    """See `worker.main`."""
    from .worker import main

    main(connection, setup)
