"""The methods of models that load and save presets."""

from collections.abc import Sequence
from typing import Any

from genesis_keras.presets.reading import bundled_presets, read_preset
from genesis_keras.presets.writing import write_preset
from genesis_keras.types import Array, Config, Model, PathLike


class _ClassProperty:
    """A property of the class, without an instance."""

    def __init__(self, function):
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance, owner):
        return self.function(owner)


class PresetModel:
    """Adds presets to a `keras.Model`, with the interface of KerasHub."""

    @_ClassProperty
    def presets(cls) -> dict[str, Config]:  # noqa: N805, a property of the class
        """Dict from names of the bundled presets of this class to their metadata."""
        return bundled_presets(cls.__name__)

    @classmethod
    def from_preset(
        cls, preset: PathLike, load_weights: bool = True, **kwargs: Any
    ) -> Model:
        """Creates a pretrained model.

        If called on the base class, the class of the model is that of the preset.

        Args:
            preset: The name of a bundled preset (a key of `presets`), the path of a
                folder that `save_to_preset` has written, or `hf://USER/NAME` for a
                repository of the Hugging Face Hub with such files
                (`pip install "genesis-keras[hub]"`).
            load_weights: Whether to load the weights; if False they are initialised
                randomly.
            **kwargs: Keyword arguments of the constructor that override those of the
                preset, such as `num_slots`, `seed` and `dtype`.

        Returns:
            The model, not compiled.

        Raises:
            ValueError: If there is no such preset, it belongs to another class or is
                damaged, or its weights do not fit the arguments.
            OSError: If it cannot be downloaded.

        Example:
            >>> model = GenesisV2.from_preset("path/to/preset")
        """
        return read_preset(preset, cls, load_weights, **kwargs)

    def save_to_preset(
        self,
        preset_dir: PathLike,
        metadata: Config | None = None,
        weights_dtype: str = "float32",
        examples: Sequence[Array] = (),
    ) -> None:
        """Saves the model as a preset, a folder with a model card.

        Args:
            preset_dir: The folder; an existing preset is replaced.
            metadata: Dict of metadata, see
                `genesis_keras.presets.writing.write_preset`.
            weights_dtype: "float32", or "float16" for a file of half the size.
            examples: Example images, uint8 `[N, H, W, 3]`.

        Raises:
            ValueError: If the folder has other contents, or a weight is not finite.
            OSError: If the folder cannot be written; an existing preset is not changed.
        """
        write_preset(self, preset_dir, metadata, weights_dtype, examples)
