from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from storeorch_devcluster.errors import BuildFailed
from storeorch_devcluster.realnode import images


def blob(archive: tarfile.TarFile, descriptor: dict[str, Any]) -> bytes:
    algorithm, _, digest = descriptor["digest"].partition(":")
    member = archive.extractfile(f"blobs/{algorithm}/{digest}")
    assert member is not None
    content = member.read()
    assert hashlib.sha256(content).hexdigest() == digest
    assert len(content) == descriptor["size"]
    return content


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF")
    return path


def test_an_archive_follows_the_specification(tmp_path: Path, program: Path) -> None:
    path = tmp_path / "image.tar"
    images.write_archive(
        path,
        name="localhost/x:1",
        contents={"bin/program": program, "etc/config": b"text"},
        links={"bin/sh": "program"},
        entrypoint=["/bin/program"],
    )
    with tarfile.open(path) as archive:
        layout = archive.extractfile("oci-layout")
        index = archive.extractfile("index.json")
        assert layout is not None
        assert index is not None
        assert json.load(layout) == {"imageLayoutVersion": "1.0.0"}
        (manifest,) = json.load(index)["manifests"]
        assert manifest["annotations"]["io.containerd.image.name"] == "localhost/x:1"
        document = json.loads(blob(archive, manifest))
        config = json.loads(blob(archive, document["config"]))
        (layer,) = document["layers"]
        content = blob(archive, layer)
        assert config["rootfs"]["diff_ids"] == [layer["digest"]]
        assert config["config"]["Entrypoint"] == ["/bin/program"]
    with tarfile.open(fileobj=io.BytesIO(content)) as files:
        assert files.getmember("bin/program").mode == 0o755
        assert files.getmember("bin/sh").linkname == "program"
        assert files.getmember("tmp").mode == 0o1777
        assert {member.uid for member in files.getmembers()} == {0}
    assert {p.name for p in tmp_path.iterdir()} == {"program", "image.tar"}


def test_the_same_content_is_the_same_image(tmp_path: Path, program: Path) -> None:
    for name in ("one", "two"):
        images.write_archive(tmp_path / name, name="x:1", contents={"program": program})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_images_are_made_once(programs: Any, cache: Path, program: Path) -> None:
    programs.add("cc", "pathlib.Path(args[args.index('-o') + 1]).write_text('pause')")
    said: list[str] = []
    wanted = {"coredns": program, "traefik": program}
    made = images.ensure_images(wanted, lambda progress: said.append(progress.message))
    assert set(made) == {images.PAUSE_IMAGE, images.COREDNS_IMAGE, images.TRAEFIK_IMAGE}
    assert all(path.is_relative_to(cache) for path in made.values())
    assert len(said) == len(made)
    assert images.ensure_images(wanted) == made
    assert len(programs.calls()) == 1


def test_a_compiler_that_fails_is_reported(programs: Any, cache: Path, program: Path) -> None:
    programs.add("cc", "sys.exit('foreign text')")
    with pytest.raises(BuildFailed) as caught:
        images.ensure_images({"coredns": program, "traefik": program})
    assert "foreign" not in caught.value.message


def test_an_unwritable_cache_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Path
) -> None:
    monkeypatch.setenv("STOREORCH_DEV_CACHE", str(program / "cache"))
    with pytest.raises(BuildFailed):
        images.ensure_images({"coredns": program, "traefik": program})
