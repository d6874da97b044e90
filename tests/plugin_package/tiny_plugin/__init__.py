"""What a package may add to tfpipelines."""
