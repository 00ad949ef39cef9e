"""Provider ``context``: a cluster that exists already, named by its kubeconfig context."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import yaml

from storeorch_devcluster.certs import write_private
from storeorch_devcluster.errors import ContextUnusable
from storeorch_devcluster.foreign import Unreachable, look
from storeorch_devcluster.progress import Progress, Report
from storeorch_devcluster.state import State, StateFolder
from storeorch_devcluster.status import Status

PATH_FIELDS: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
"""Fields of a kubeconfig that name files, relative to the kubeconfig itself."""


def kubeconfig_files() -> list[Path]:
    """Return the kubeconfig files that kubectl would read."""
    listed = [entry for entry in os.environ.get("KUBECONFIG", "").split(os.pathsep) if entry]
    return [Path(entry) for entry in listed] or [Path.home() / ".kube" / "config"]


def only_context(name: str, sources: list[Path]) -> dict[str, Any]:
    """Return a kubeconfig that holds one context, its cluster and its user, and nothing else.

    Args:
        name: The context's name.
        sources: Kubeconfig files; as with kubectl, the first that has an entry wins.

    Raises:
        ContextUnusable: No file has that context, or what it refers to.
    """
    documents = [(path, _load(path)) for path in sources if path.is_file()]
    context = _entry(documents, "contexts", "context", name)
    if context is None:
        raise ContextUnusable(f"There is no kubeconfig context named '{name}'.")
    parts: dict[str, Any] = {}
    for plural, singular in (("clusters", "cluster"), ("users", "user")):
        wanted = context.get(singular)
        entry = _entry(documents, plural, singular, wanted) if isinstance(wanted, str) else None
        if entry is None:
            raise ContextUnusable(f"The {singular} of the kubeconfig context '{name}' is missing.")
        parts[plural] = [{"name": wanted, singular: entry}]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        **parts,
        "contexts": [{"name": name, "context": context}],
    }


class ExistingCluster:
    """A cluster that somebody else runs; it is only ever looked at.

    Args:
        folder: The state folder.
        context: Name of its kubeconfig context.
    """

    def __init__(self, folder: StateFolder, context: str) -> None:
        self._folder = folder
        self._context = context

    def up(self, report: Report) -> None:
        """Write a kubeconfig that holds that context only, if its cluster answers.

        Raises:
            ContextUnusable: There is no such context, or its cluster does not answer.
            StateUnusable: The state folder cannot be written.
        """
        with self._folder.locked():
            report(Progress(f"Asking the cluster of context '{self._context}'"))
            document = only_context(self._context, kubeconfig_files())
            content = yaml.safe_dump(document, sort_keys=False)
            write_private(self._folder.kubeconfig, content.encode())
            try:
                look(self._folder.kubeconfig)
            except Unreachable as error:
                raise ContextUnusable(
                    f"The cluster of the kubeconfig context '{self._context}' does not answer.",
                    hint=f"Try it with: kubectl --context {self._context} version",
                ) from error
            self._folder.write(State(provider="context", context=self._context))

    def down(self, *, keep_data: bool) -> None:  # noqa: ARG002 - its data is not ours anyway
        """Forget the cluster; nothing in it is touched."""
        with self._folder.locked():
            self._folder.remove(keep_data=False)

    def status(self) -> Status:
        """Say how it is."""
        common = Status(
            provider="context", context=self._context, kubeconfig=str(self._folder.kubeconfig)
        )
        try:
            view = look(self._folder.kubeconfig)
        except Unreachable:
            return common
        found = {"up": True, "server": view.server, "version": view.version, "nodes": view.nodes}
        return common.model_copy(update=found)


def _load(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError) as error:
        raise ContextUnusable(
            "A kubeconfig file cannot be read.", hint=f"Look at the file {path}."
        ) from error
    return document if isinstance(document, dict) else {}


def _entry(
    documents: list[tuple[Path, dict[str, Any]]], plural: str, singular: str, name: str
) -> dict[str, Any] | None:
    for path, document in documents:
        for entry in document.get(plural) or []:
            if isinstance(entry, dict) and entry.get("name") == name:
                return _absolute(entry.get(singular) or {}, path.absolute().parent)
    return None


def _absolute(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    moved: dict[str, Any] = {
        field: str(folder / value)
        for field in PATH_FIELDS
        if isinstance(value := entry.get(field), str) and value
    }
    program = entry.get("exec")
    if isinstance(program, dict) and "/" in str(program.get("command", "")):
        moved["exec"] = program | {"command": str(folder / str(program["command"]))}
    return entry | moved
