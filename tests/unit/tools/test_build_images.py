"""Recipes and their digests; that images come out is shown where they run (``tests/e2e``)."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import build_images
from build_images import BuildError, Recipe

RECIPE = {"name": "storeorch.local/example", "tag": "1", "packages": ["b", "a"]}


def write(folder: Path, **changes: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Dockerfile").write_text("FROM scratch\nADD root.tar /\n")
    file = folder / "image.json"
    file.write_text(json.dumps(RECIPE | changes))
    return file


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("1")
    made = build_images.read_recipe(write(tmp_path / "recipe"))
    return replace(made, include={"app": tmp_path / "app"})


def test_recipes_of_the_checkout_are_found_by_their_short_names() -> None:
    found = build_images.recipes()
    assert {"woocommerce", "mariadb"} <= set(found)
    for name, made in found.items():
        assert made.reference.startswith("storeorch.local/")
        assert made.short_name == name
        assert (made.folder / "Dockerfile").read_text().count("\nFROM scratch\nADD root.tar /\n")
        for path in made.include.values():
            assert path.exists()


def test_recipe_is_read(tmp_path: Path) -> None:
    made = build_images.read_recipe(write(tmp_path / "a" / "b", context=".."))
    assert (made.short_name, made.reference) == ("example", "storeorch.local/example:1")
    assert (made.packages, made.context) == (("a", "b"), tmp_path / "a")


@pytest.mark.parametrize("changes", [{"form": 1}, {"name": None}])
def test_wrong_recipe_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    file = write(tmp_path, **changes)
    content = {key: value for key, value in json.loads(file.read_text()).items() if value}
    file.write_text(json.dumps(content))
    with pytest.raises(BuildError, match=r"form|name"):
        build_images.read_recipe(file)


def test_the_digest_is_of_content_alone(recipe: Recipe) -> None:
    before = build_images.image_digest(recipe, "bookworm")
    os.utime(recipe.include["app"] / "main.py", (0, 0))
    assert build_images.image_digest(recipe, "bookworm") == before
    copied = shutil.copytree(recipe.include["app"], recipe.folder.parent / "elsewhere")
    elsewhere = build_images.with_includes(recipe, [f"app={copied}"])
    assert build_images.image_digest(elsewhere, "bookworm") == before


def test_whatever_goes_in_changes_the_digest(recipe: Recipe) -> None:
    digests = {build_images.image_digest(recipe, release) for release in ("bookworm", "trixie")}
    for change in (
        lambda: (recipe.folder / "Dockerfile").write_text("FROM scratch"),
        lambda: (recipe.folder / "start.sh").write_text("1"),
        lambda: (recipe.folder / "start.sh").chmod(0o755),
        lambda: (recipe.include["app"] / "main.py").write_text("2"),
        lambda: (recipe.include["app"] / "other.py").write_text("2"),
    ):
        change()
        digests.add(build_images.image_digest(recipe, "bookworm"))
    assert len(digests) == 7


def test_what_is_included_can_be_replaced(recipe: Recipe, tmp_path: Path) -> None:
    other = tmp_path / "other"
    given = build_images.with_includes(recipe, [f"app={other}", "unknown=/nothing"])
    assert given.include == {"app": other}
    with pytest.raises(BuildError, match="NAME=PATH"):
        build_images.with_includes(recipe, ["app"])
    with pytest.raises(BuildError, match="missing"):
        build_images.image_digest(given, "bookworm")


def test_the_context_is_laid_out(recipe: Recipe, tmp_path: Path) -> None:
    root = tmp_path / "root.tar"
    root.write_bytes(b"root")
    build_images.lay_out(recipe, root, tmp_path / "context")
    names = {name for name, _ in build_images.files_in(tmp_path / "context")}
    assert names == {"Dockerfile", "app/main.py", "image.json", "root.tar"}


def test_an_image_that_is_there_is_not_built(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(build_images.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(build_images, "debian_release", lambda: "bookworm")
    digest = build_images.image_digest(recipe, "bookworm")
    archive = tmp_path / "cache" / f"example-1-{digest}.tar"
    archive.parent.mkdir()
    archive.write_bytes(b"image")
    monkeypatch.setattr(build_images, "install_tools", lambda: pytest.fail("it builds"))
    assert build_images.build(recipe) == archive


def test_half_an_image_is_none(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"

    def fail() -> None:
        with build_images.replacing(path) as unfinished:
            unfinished.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_unknown_image_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert build_images.main(["nothing"]) == 1
    assert "No recipe for nothing; there are: " in capsys.readouterr().err
