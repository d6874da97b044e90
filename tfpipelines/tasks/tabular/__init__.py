"""Classification and regression from the columns of a table."""
