from __future__ import annotations

import uuid
from pathlib import Path

from storeorch_devcluster import volumes


def test_folders_named_in_the_data_are_found_even_between_two_blocks(tmp_path: Path) -> None:
    place = tmp_path / "volumes"
    names = [str(uuid.UUID(int=index)) for index in range(4)]
    for name in (*names, "other"):
        (place / name).mkdir(parents=True)
        (place / name / "file").touch()
    data = tmp_path / "etcd" / "member"
    data.mkdir(parents=True)
    path = f"{place}/{names[0]}".encode()
    (data / "db").write_bytes(b"\0" * (volumes.BLOCK - 20) + path + b"\0" * 10)
    (data / "wal").write_bytes(
        f"x{place}/{names[1]}\x01{place}/{uuid.uuid4()}{place}/../x".encode()
    )
    found = volumes.volume_folders(tmp_path / "etcd", volumes=place)
    assert found == {place / names[0], place / names[1]}
    volumes.remove_volumes(found, volumes=place)
    assert {path.name for path in place.iterdir()} == {*names[2:], "other"}


def test_the_place_itself_goes_when_it_is_empty(tmp_path: Path) -> None:
    place = tmp_path / "volumes"
    (place / "one").mkdir(parents=True)
    volumes.remove_volumes([place / "one"], volumes=place)
    assert not place.exists()
    volumes.remove_volumes([], volumes=place)


def test_without_data_there_are_no_folders(tmp_path: Path) -> None:
    assert volumes.volume_folders(tmp_path / "nothing") == set()
