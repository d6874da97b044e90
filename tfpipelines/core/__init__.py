"""What all other folders are built on: words, files, run folders, plugins, configuration."""
