"""Classifiers on pretrained backbones: of images and of texts."""
