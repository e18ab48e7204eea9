"""The base class of the builders of the multi-object data sets."""

import tensorflow_datasets as tfds

from .multi_object import HOST, SceneFormat, examples
from .sources import MANUAL_INSTRUCTIONS, SourceFile, fetch


class MultiObjectBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Base class of builders with one file per configuration, split in order.

    Subclasses define `BUILDER_CONFIGS`, a list of `MultiObjectConfig`. They must be
    named `Builder` and be defined in `NAME_dataset_builder.py`, from which TFDS derives
    the name, the description and the citation.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = MANUAL_INSTRUCTIONS

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=self.builder_config.features(),
            homepage="https://github.com/google-deepmind/multi_object_datasets",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        config = self.builder_config
        file = SourceFile(f"{HOST}/{config.path}", config.gigabytes)
        paths = fetch(dl_manager, self.name, [file])
        return self._splits_of_config(paths[file.name])

    def _splits_of_config(self, path):
        """Returns split -> generator of its examples, for the file at `path`."""
        config = self.builder_config
        return {
            split: self._generate_examples(path, config.scene, *scenes)
            for split, scenes in config.ranges().items()
        }

    def _generate_examples(self, path, scene: SceneFormat, start=0, stop=None):
        return examples(path, scene, start, stop)
