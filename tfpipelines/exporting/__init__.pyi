from .entry import Exported as Exported
from .entry import call_of as call_of
from .entry import export as export
