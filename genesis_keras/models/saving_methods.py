"""The methods `save` and `export` of all models."""

import pathlib
from typing import Any

import keras

from genesis_keras.arguments import quoted
from genesis_keras.types import PathLike


class SavingMethods(keras.Model):
    """`save` and `export` of all models.

    Attributes:
        write_saved_model: Function of a model and a path that writes a SavedModel. The
            package sets it, since `export` imports `models` and not vice versa.
        write_portable: Function of a model, a path and a format that writes an ONNX or
            LiteRT file; also set by the package.
    """

    write_saved_model = None
    write_portable = None

    def save(
        self,
        filepath: PathLike,
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Saves a `.keras` file or, if the path has no suffix, a SavedModel.

        Args:
            filepath: A file such as `model.keras`, or a folder such as `export/1` that
                does not exist yet, see `genesis_keras.export.saved_model`.
            overwrite: As in Keras; only used for files.
            zipped: As in Keras; only used for files.
            **kwargs: Further options of `genesis_keras.export.saved_model` or Keras.

        Raises:
            ValueError: If the path has another suffix, or the folder exists.
            OSError: If it cannot be written.
        """
        ending = pathlib.PurePath(filepath).suffix
        if ending not in ("", ".keras"):
            raise ValueError(
                "filepath must end in '.keras', or have no suffix for a SavedModel; "
                f"got {str(filepath)!r}"
            )
        if ending or zipped is not None:
            super().save(filepath, overwrite=overwrite, zipped=zipped, **kwargs)
        else:
            type(self).write_saved_model(self, filepath, **kwargs)

    def export(
        self,
        filepath: PathLike,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: None = None,
        **kwargs: Any,
    ) -> None:
        """Exports the model for inference: as a SavedModel, an ONNX or a LiteRT file.

        Args:
            filepath: A folder that does not exist yet, or a file that ends in
                `.onnx` or `.tflite`.
            format: "tf_saved_model", "onnx" or "litert".
            verbose: Unused.
            input_signature: Must be None: the signatures are those of
                `genesis_keras.export.signatures`.
            **kwargs: Further options of `genesis_keras.export`, such as `masks`.

        Raises:
            ValueError: If an argument is wrong, or a package is missing.
            OSError: If it cannot be written.
        """
        if input_signature is not None:
            raise ValueError(
                "input_signature is not used: the model defines its signatures; "
                f"got {quoted(input_signature)}"
            )
        if format == "tf_saved_model":
            type(self).write_saved_model(self, filepath, **kwargs)
        else:
            type(self).write_portable(self, filepath, format, **kwargs)
