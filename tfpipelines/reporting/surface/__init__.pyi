from .directions import random_direction as random_direction
from .measure import loss_surface as loss_surface
from .result_files import LossSurface as LossSurface
