"""Where a process begins that predicts blocks. Whoever starts it need not wait for TensorFlow."""


def begin(connection, setup: dict) -> None:
    """See `worker.main`."""
    from .worker import main

    main(connection, setup)
