"""What the server of worker processes loads in tests, too: trials run their steps eagerly and draw no figures."""

import tensorflow as tf

from ..conftest import draw_nothing

tf.config.run_functions_eagerly(True)
draw_nothing()
