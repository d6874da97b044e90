from .comparison import compare as compare
from .html import require_file as require_file
from .html import write_page as write_page
from .text_tables import tables_of as tables_of
