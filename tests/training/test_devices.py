"""The precision that suits a processor."""

import pathlib

import pytest

from genesis_keras.training import devices
from genesis_keras.training.config import resolve
from genesis_keras.training.run_config import RunConfig


@pytest.fixture
def processor(monkeypatch):
    """Sets the flags that Linux reports of the processor; None: there is no file."""

    def set_flags(flags):
        def read_text(path):
            if flags is None:
                raise FileNotFoundError(path)
            return f"vendor_id\t: X\nflags\t\t: fpu {flags} sse\nbugs\t\t:\n"

        monkeypatch.setattr(devices, "sees_gpu", lambda: False)
        monkeypatch.setattr(pathlib.Path, "read_text", read_text)
        devices.best_precision.cache_clear()

    yield set_flags
    devices.best_precision.cache_clear()


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("avx512f amx_bf16 amx_tile", "mixed_bfloat16"),
        ("avx512_bf16", "mixed_bfloat16"),
        ("avx2 avx512f", "float32"),
        ("amx_bf16_like", "float32"),
        (None, "float32"),
    ],
)
def test_auto_is_what_the_processor_computes_fast(processor, flags, precision):
    processor(flags)
    assert devices.best_precision() == precision
    assert resolve({"recipe": "fast"}).precision == precision
    assert RunConfig(precision="auto").precision == precision
    assert resolve({"recipe": "fast", "precision": "float32"}).precision == "float32"
    assert resolve({"recipe": "paper"}).precision == "float32"


def test_auto_is_float32_with_a_gpu(processor, monkeypatch):
    processor("amx_bf16")
    monkeypatch.setattr(devices, "sees_gpu", lambda: True)
    assert devices.best_precision() == "float32"
