from .entry import Exported as Exported
from .entry import export as export
