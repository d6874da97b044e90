"""A model behind HTTP: one process that speaks it and never loads the model, and others that answer."""
