"""How the columns of probabilities are called in tables of predictions."""

_COLUMNS = ("item", "text", "label", "predicted", "explanation", "error", "fold")


def score_columns(classes: list[str]) -> list[str]:
    """The column of each class: its name, with `p_` in front where that is the name of another column."""
    names: list[str] = []
    for name in classes:
        other = lambda name: name.startswith("p_") and name != classes[len(names)] and name in classes
        while name in _COLUMNS or name in names or other(name):
            name = f"p_{name}"
        names.append(name)
    return names
