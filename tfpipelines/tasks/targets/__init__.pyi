from .base import Target as Target
from .classes import Classes as Classes
from .classes import OneClass as OneClass
from .classes import SeveralLabels as SeveralLabels
from .kinds import restored_target as restored_target
from .kinds import target_of as target_of
from .number import Number as Number
