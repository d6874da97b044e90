"""Mirrors tfpipelines/serve."""
