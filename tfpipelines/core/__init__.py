"""What every other room is built on: words, files, run folders, plugins, configuration."""
