"""Generators and discriminators, which a function here gives as a pair: see `tasks.generation.gan.GAN`.

Each asks for `image_shape` (side, side, channels) and `classes`, how many both are told apart by; 0: none.
"""
