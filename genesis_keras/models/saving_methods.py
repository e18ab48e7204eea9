"""How models become files: `save` and `export`."""

import pathlib

import keras

from genesis_keras.arguments import quoted


class SavingMethods(keras.Model):
    """`save` and `export` of all models.

    Attributes:
        write_saved_model: Function of a model and a path, for both. The package sets
            it, as exporting is a later room of the house.
        write_portable: Function of a model, a path and a format, for `export`; the
            same holds.
    """

    write_saved_model = None
    write_portable = None

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Writes a `.keras` file or, to a path without an ending, a SavedModel.

        Args:
            filepath: Such as `model.keras`, or `export/1`: a folder that does not
                exist yet, see `genesis_keras.export.saved_model`.
            overwrite: As in Keras; of files only.
            zipped: As in Keras; of files only.
            **kwargs: Options of the writer.

        Raises:
            ValueError: The path has another ending, or the folder exists.
            OSError: It cannot be written.
        """
        ending = pathlib.PurePath(filepath).suffix
        if ending not in ("", ".keras"):
            raise ValueError(
                "filepath must end in '.keras', or have no ending for a SavedModel; "
                f"got {str(filepath)!r}"
            )
        if ending or zipped is not None:
            super().save(filepath, overwrite=overwrite, zipped=zipped, **kwargs)
        else:
            type(self).write_saved_model(self, filepath, **kwargs)

    def export(
        self,
        filepath,
        format="tf_saved_model",
        verbose=None,
        input_signature=None,
        **kwargs,
    ):
        """Writes what others can load: a SavedModel, as `save` does, or a file.

        Args:
            filepath: A folder that does not exist yet, or a file that ends in
                `.onnx` or `.tflite`.
            format: "tf_saved_model", "onnx" or "litert".
            verbose: Not used.
            input_signature: Must be None: the inputs are those of
                `genesis_keras.export.signatures`.
            **kwargs: Options of `genesis_keras.export`, such as `masks`.

        Raises:
            ValueError: An argument is wrong, or a package is missing.
            OSError: It cannot be written.
        """
        if input_signature is not None:
            raise ValueError(
                "input_signature is not used: the signatures are the model's own; "
                f"got {quoted(input_signature)}"
            )
        if format == "tf_saved_model":
            type(self).write_saved_model(self, filepath, **kwargs)
        else:
            type(self).write_portable(self, filepath, format, **kwargs)
