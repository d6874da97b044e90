from typing_extensions import Buffer

def stretch(
    image: Buffer,
    size: tuple[int, int],
    output: Buffer,
    output_size: tuple[int, int],
    channels: int,
    row_starts: Buffer,
    row_weights: Buffer,
    column_starts: Buffer,
    column_weights: Buffer,
    /,
) -> None: ...
