"""Archives that would write outside the folder, or are truncated, are rejected."""

import io
import tarfile
import zipfile

import pytest

ESCAPES = ["../evil", "/evil", "a/../../evil", "..\\evil", "C:\\evil", "\\evil"]


@pytest.fixture
def archives(builders):
    return builders("archives")


def write_tar(path, files, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("name", ESCAPES)
def test_paths_that_lead_outside_are_refused(archives, tmp_path, name):
    tar, zip_file = tmp_path / "bad.tar.gz", tmp_path / "bad.zip"
    target = tmp_path / "below" / "target"
    write_tar(tar, {"good": b"1", name: b"2"})
    with pytest.raises(ValueError, match=r"bad.tar.gz' is refused.*evil"):
        archives.extract_tar(tar, target)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["bad.tar.gz", "below"]
    with zipfile.ZipFile(zip_file, "w") as file:
        file.writestr(name, b"2")
    with pytest.raises(ValueError, match=r"bad.zip' is refused.*evil"):
        archives.open_zip(zip_file)


def test_links_are_not_followed(archives, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("old")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            link = tarfile.TarInfo("link")
            link.type, link.linkname = kind, str(secret)
            tar.addfile(link)
        member = tarfile.TarInfo("link")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"new"))
    folder = archives.extract_tar(tmp_path / "a.tar.gz", tmp_path / "out")
    assert (folder / "link").read_text() == "new" and not (folder / "link").is_symlink()
    assert secret.read_text() == "old"


@pytest.mark.parametrize("ending", ["gz", "bz2"])
def test_half_an_archive(archives, tmp_path, ending):
    whole, half = tmp_path / f"whole.tar.{ending}", tmp_path / f"half.tar.{ending}"
    files = {f"folder/{i}": bytes([i]) * 3000 for i in range(5)}
    write_tar(whole, files, f"w:{ending}")
    read = {name: file.read() for name, file in archives.read_tar(whole)}
    assert read == files
    data = whole.read_bytes()
    for length in range(0, len(data), 7):
        half.write_bytes(data[:length])
        with pytest.raises(ValueError, match="half.tar.* is damaged or incomplete"):
            archives.extract_tar(half, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert len(list(tmp_path.iterdir())) == 2  # nothing is left behind


def test_half_a_zip(archives, tmp_path):
    path = tmp_path / "training.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a", b"content" * 99)
    archive = archives.open_zip(path)
    assert archives.read_member(archive, "a") == b"content" * 99
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="training.zip' is damaged"):
        archives.read_member(archives.open_zip(path), "a")
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="training.zip' is damaged"):
        archives.open_zip(path)


def test_extraction_happens_once(archives, tmp_path):
    write_tar(tmp_path / "a.tar.gz", {"x/y": b"1"})
    folder = archives.extract_tar(tmp_path / "a.tar.gz", tmp_path / "out")
    (tmp_path / "a.tar.gz").unlink()
    assert archives.extract_tar(tmp_path / "a.tar.gz", folder) == folder
    assert (folder / "x" / "y").read_bytes() == b"1"
    assert [n for n, _ in archives.read_tree(folder)] == ["out/x/y"]


def bomb(size):
    """A tar archive of a few kB with a file of `size` zeros."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:bz2") as tar:
        member = tarfile.TarInfo("zeros")
        member.size = size
        tar.addfile(member, io.BytesIO(bytes(size)))
    return file.getvalue()


@pytest.fixture
def small_limits(archives, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBER", 20_000)
    monkeypatch.setattr(archives, "MAX_RATIO", 20)
    return archives


def test_declared_sizes_are_added_up_before_anything_is_read(small_limits, tmp_path):
    path, out = tmp_path / "bomb.tar.bz2", tmp_path / "out"
    path.write_bytes(bomb(1_000_000))
    with pytest.raises(
        ValueError, match="bomb.tar.bz2' is refused.*zeros.*1,000,000 .*limit of 20,000"
    ):
        small_limits.extract_tar(path, out)
    assert not out.exists()
    write_tar(path, {f"{i}": bytes(9_000) for i in range(9)}, "w:bz2")
    with pytest.raises(ValueError, match="members up to '2' would have 27,000"):
        small_limits.extract_tar(path, out)


def test_a_member_too_large_for_the_memory(small_limits, tmp_path):
    large = bytes(range(256)) * 100
    write_tar(tmp_path / "a.tar", {"large": large}, "w")  # as large as it says
    with pytest.raises(ValueError, match="a.tar' is refused: a member .* 25,600"):
        [file.read() for _, file in small_limits.read_tar(tmp_path / "a.tar")]
    assert small_limits.extract_tar(tmp_path / "a.tar", tmp_path / "out").is_dir()
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", bytes(30_000))
    archive = small_limits.open_zip(tmp_path / "a.zip")
    with pytest.raises(ValueError, match="a.zip' is refused: its member 'zeros'"):
        small_limits.read_member(archive, "zeros")


def test_a_header_too_large_for_the_memory(archives, tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo("long")
        member.type, member.size = tarfile.GNUTYPE_LONGNAME, 2**21
        tar.addfile(member, io.BytesIO(bytes(2**21)))
    with pytest.raises(ValueError, match="a.tar.gz' is damaged.*header of 2,097,152"):
        list(archives.read_tar(tmp_path / "a.tar.gz"))


@pytest.mark.parametrize(("offset", "value"), [(6, 1), (8, 99)])
def test_zip_files_with_a_password_or_an_unknown_method(
    archives, tmp_path, offset, value
):
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a", b"content")
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\1\2")
    data[offset] = data[directory + offset + 2] = value
    path.write_bytes(data)
    with pytest.raises(ValueError, match="odd.zip' is damaged or incomplete"):
        archives.read_member(archives.open_zip(path), "a")
