from .comparison import compare as compare
from .page import require_file as require_file
from .page import write_page as write_page
from .tables import tables_of as tables_of
