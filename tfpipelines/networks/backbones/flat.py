"""A model without models inside of it: all layers in one graph, where each can be found, cut at and frozen."""

import keras

_AUGMENTING = ("AugMix", "CutMix", "MixUp", "RandAugment")  # besides those whose names begin with Random


def is_graph(model: object) -> bool:
    """Whether a model tells by its graph, not by Python code of its own, how its layers are called."""
    if isinstance(model, keras.Sequential):
        return model._functional is not None
    return isinstance(model, keras.Function)


def flattened(model: keras.Model) -> keras.Model:
    """The same network with the layers of nested models, Sequential or Functional, in one Functional model.

    It takes float32 batches of any size. Layers that augment are left out: in inference they do nothing, and
    augmenting is the pipeline's. A layer has its own name; where that is taken, the name of its model stands before it.
    The given model is of no use afterwards, since it shares the layers.

    Args:
        model: built, a graph (`is_graph`) with one input.
    """
    if not isinstance(model, keras.Sequential) and not any(map(_goes, model.operations)):
        return model
    walk = _Walk()
    inputs = keras.Input(model.inputs[0].shape[1:], name=walk.unused(model.inputs[0].name, model.name))
    return keras.Model(inputs, walk.through(model, inputs), name=model.name)


def learns(operation) -> bool:
    """Whether an operation of a graph has weights that can be trained, be they frozen now or not."""
    layers = operation._flatten_layers() if isinstance(operation, keras.Layer) else ()
    return any(layer._trainable_variables for layer in layers)


class _Walk:
    """Calls the operations of a model and of those inside of it anew, each of them as part of one graph."""

    def __init__(self):
        self.names: set[str] = set()
        self.seen: set[int] = set()

    def through(self, model, inputs):
        """Symbolic inputs of a graph -> its outputs."""

        def call(operation, *arguments, **options):
            if _nested(operation):  # what it is called with besides, such as training=False, is not for its layers
                return self.through(operation, arguments[0] if arguments else options["inputs"])
            if _augments(operation):
                return arguments[0]
            if id(operation) not in self.seen:
                self.seen.add(id(operation))
                operation._inbound_nodes.clear()  # of the graph that it comes from
                operation._outbound_nodes.clear()
                operation.name = self.unused(operation.name, model.name)
            return operation(*arguments, **options)

        if isinstance(model, keras.Sequential):
            for layer in model.layers:
                inputs = call(layer, inputs)
            return inputs
        return model._run_through_graph(inputs, call_fn=call)

    def unused(self, name: str, owner: str) -> str:
        """A name that no other operation has."""
        found, number = name, 1
        while found in self.names:
            found, number = f"{owner}_{name}" if number == 1 else f"{owner}_{name}_{number}", number + 1
        self.names.add(found)
        return found


def _goes(operation) -> bool:
    return _nested(operation) or _augments(operation)


def _nested(operation) -> bool:
    """Whether an operation is a model of Keras' own classes; others may have more to say than their graph."""
    return is_graph(operation) and type(operation).__module__.startswith("keras.")


def _augments(operation) -> bool:
    """Whether a layer changes images while training, and only then."""
    name, module = type(operation).__name__, type(operation).__module__
    of_images = module.startswith("keras.") and ".image_preprocessing." in module
    return of_images and (name.startswith("Random") or name in _AUGMENTING)
