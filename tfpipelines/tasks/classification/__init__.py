"""Classifiers trained from the start: of images and of texts."""
