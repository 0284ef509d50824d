from __future__ import annotations

import io
import os
import tarfile

import pytest

from mhbench.datasets.raw.archives import confined, read_members, tar_members
from mhbench.errors import InputError, MissingInputError, UnsafeInputError


def write_tar(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


FILES = [("poses/a.json", b"first"), ("poses/b.json", b"x" * 1500), ("poses/" + "n" * 200, b"")]


def test_members_are_read_in_place(tmp_path):
    path = write_tar(tmp_path / "poses.tar", FILES)
    members = tar_members(path)
    assert [(member.name, content) for member, content in read_members(path, members)] == FILES
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_cut_anywhere_is_named(tmp_path):
    whole = write_tar(tmp_path / "whole.tar", FILES).read_bytes()
    end = max(member.offset + member.size for member in tar_members(tmp_path / "whole.tar"))
    for size in range(0, end + 512, 256):
        path = tmp_path / "cut.tar"
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"cut\.tar is cut short or no plain tar archive"):
            tar_members(path)


def test_garbage_in_the_middle_does_not_end_the_list_in_silence(tmp_path):
    content = bytearray(write_tar(tmp_path / "poses.tar", FILES).read_bytes())
    content[1024:1100] = os.urandom(76)  # header of the second member
    (tmp_path / "poses.tar").write_bytes(content)
    with pytest.raises(InputError, match="no header and no end mark at byte 1024"):
        tar_members(tmp_path / "poses.tar")


@pytest.mark.parametrize("name", ["../a.json", "/etc/passwd", "a/../../b", "..\\a.json", "C:\\a.json"])
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(UnsafeInputError, match="outside its folder"):
        tar_members(write_tar(tmp_path / "poses.tar", [(name, b"")]))


def test_confined_keeps_ordinary_paths():
    assert str(confined("./imageFiles/a_00/image_00000.jpg", "list")) == "imageFiles/a_00/image_00000.jpg"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "poses.tar", "w") as archive:
        info = tarfile.TarInfo("poses/a.json")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(UnsafeInputError, match="link, a device or sparse"):
        tar_members(tmp_path / "poses.tar")


def test_compressed_archives_too_large_members_and_missing_files(tmp_path):
    with pytest.raises(InputError, match="no plain tar archive"):
        tar_members(write_tar(tmp_path / "poses.tar.gz", FILES, "w:gz"))
    with pytest.raises(InputError, match="1500 bytes"):
        tar_members(write_tar(tmp_path / "poses.tar", FILES), limit=1000)
    with pytest.raises(MissingInputError):
        tar_members(tmp_path / "none.tar")


def test_headers_inside_headers_end_with_a_sentence(tmp_path):
    header = tarfile.TarInfo("././@LongLink")
    header.type = tarfile.GNUTYPE_LONGNAME
    (tmp_path / "poses.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) * 3000 + bytes(1024))
    with pytest.raises(InputError, match="too many headers before one member"):
        tar_members(tmp_path / "poses.tar")


def test_a_change_after_listing_is_noticed(tmp_path):
    path = write_tar(tmp_path / "poses.tar", FILES)
    members = tar_members(path)
    path.write_bytes(path.read_bytes()[:1100])
    with pytest.raises(InputError, match=r"poses/b\.json is incomplete"):
        list(read_members(path, members))
