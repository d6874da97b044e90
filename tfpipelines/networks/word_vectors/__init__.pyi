from .bundled import WIDTH as WIDTH
from .bundled import WordVectors as WordVectors
from .bundled import vectors_of as vectors_of
from .bundled import whole_words as whole_words
from .pieces import pieces_of as pieces_of
from .pieces import split_words as split_words
