from .directions import random_direction as random_direction
from .surface import loss_surface as loss_surface
from .values import LossSurface as LossSurface
