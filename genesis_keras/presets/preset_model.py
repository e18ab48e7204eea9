"""What lets a model be made from a preset and be written as one."""

from genesis_keras.presets.reading import bundled_presets, read_preset
from genesis_keras.presets.writing import write_preset


class _ClassProperty:
    """A property of the class, without an instance."""

    def __init__(self, function):
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance, owner):
        return self.function(owner)


class PresetModel:
    """Gives a `keras.Model` presets, as KerasHub's models have them."""

    @_ClassProperty
    def presets(cls):  # noqa: N805, a property of the class
        """Dict of the bundled presets of this class, name -> metadata."""
        return bundled_presets(cls.__name__)

    @classmethod
    def from_preset(cls, preset, load_weights=True, **kwargs):
        """Makes a trained model.

        Called on the base class, it finds the model's class itself.

        Args:
            preset: The name of a bundled preset (a key of `presets`), the path of a
                folder that `save_to_preset` has written, or `hf://USER/NAME` for a
                repository of the Hugging Face Hub with such files
                (`pip install "genesis-keras[hub]"`).
            load_weights: Whether to load the weights; without them only the settings
                are the preset's.
            **kwargs: Arguments of the constructor that replace the preset's, such as
                `num_slots`, `seed` and `dtype`.

        Returns:
            The model, not compiled.

        Raises:
            ValueError: There is no such preset, it is of another class or damaged, or
                its weights do not fit the arguments.
            OSError: It cannot be downloaded.

        Example:
            >>> model = GenesisV2.from_preset("path/to/preset")
        """
        return read_preset(preset, cls, load_weights, **kwargs)

    def save_to_preset(
        self, preset_dir, metadata=None, weights_dtype="float32", examples=()
    ):
        """Writes the model as a preset, a folder with a model card.

        Args:
            preset_dir: The folder; a preset there is replaced.
            metadata: Dict of what to say of the model, see
                `genesis_keras.presets.writing.write_preset`.
            weights_dtype: "float32", or "float16" for a file of half the size.
            examples: uint8 images `[N, H, W, 3]` to try the model on.

        Raises:
            ValueError: The folder holds something else, or a weight is not finite.
            OSError: The folder cannot be written; what was there before is kept.
        """
        write_preset(self, preset_dir, metadata, weights_dtype, examples)
