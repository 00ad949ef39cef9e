"""pyhelm3's command, mended where it would harm us.

What is different from ``pyhelm3.Command`` 0.5.8:

- Programs are started without a shell, in a process group of their own, with a
  deadline, and never outlive us (``process``).
- A missing Helm is a ``HelmMissing`` rather than an ``AssertionError``.
- Its ``disable_validation=True`` adds the letters of the flag one by one; here
  flags that it does not know or breaks are added by ``install`` itself.
- Helm's version is asked for when it is needed, not in a constructor.
- Helm sees only those variables of the environment that cannot turn it to
  another cluster, namespace or storage than the one that it was told.

This module must not know releases' life: it starts Helm and says how it ended.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self, cast

import pyhelm3.command
import pyhelm3.errors
from typing_extensions import override

from storeorch.errors import HelmMissing
from storeorch.helm import process
from storeorch.redaction import redact

OLDEST: Final = (3, 14)
"""Oldest Helm that is supported: the first with all the flags used here in both forms."""

HISTORY_MAX: Final = 3
"""Revisions that Helm keeps of a release: what is, what was before, and one to spare."""

_CANNOT_START: Final = "The helm command cannot be started."
_NOT_STARTED: Final = (126, 127)
"""Exit statuses by which a program that starts another says that it could not."""

_OURS_TO_SAY: Final = re.compile(r"HELM_(KUBE|DRIVER|NAMESPACE$|DEBUG$|MAX_HISTORY$|NO_PLUGINS$)")


class HelmTimedOut(pyhelm3.errors.Error):
    """Helm was ended at its deadline."""


class HelmCommand(pyhelm3.command.Command):
    """Starts Helm; every call of a method that is awaited is one process.

    Args:
        executable: Path of Helm.
        kubeconfig: The kubeconfig; None leaves it to Helm, which reads ``KUBECONFIG``.
        context: Its context; None takes the current one.
        deadline: Seconds that a process may take.
        grace: Seconds between SIGTERM and SIGKILL for one that is cancelled or too slow.
        guarding: Given the process's pid, holds whatever looks after it.
    """

    def __init__(
        self,
        executable: Path,
        *,
        kubeconfig: Path | None = None,
        context: str | None = None,
        deadline: float = 300,
        grace: float = process.GRACE,
        guarding: process.Guarding = process.unguarded,
    ) -> None:
        super().__init__(
            # Helm counts for each hook anew; it should give up, and say why, before we do.
            default_timeout=f"{max(1, int(deadline * 0.9))}s",
            executable=str(executable),
            history_max_revisions=HISTORY_MAX,
            kubeconfig=kubeconfig,
            kubecontext=context,
        )
        self._deadline = deadline
        self._grace = grace
        self._guarding = guarding
        self._flags: tuple[str, ...] = ()

    @cached_property
    def _environment(self) -> dict[str, str]:
        return helm_environment(os.environ)

    def _with_flags(self, flags: Sequence[str]) -> Self:
        other = copy.copy(self)
        other._flags = tuple(flags)
        return other

    @override
    async def run(self, command: Sequence[object], input: bytes | None = None) -> bytes:
        """Run Helm.

        Args:
            command: Its arguments, without the program.
            input: What it reads from its standard input.

        Returns:
            What it wrote to its standard output.

        Raises:
            HelmMissing: Helm cannot be started.
            pyhelm3.errors.Error: It failed; its standard error is kept, redacted.
        """
        argv = [self._executable, *map(str, command), *self._flags]
        if self._kubeconfig is not None:
            argv += ["--kubeconfig", str(self._kubeconfig)]
        if self._kubecontext is not None:
            argv += ["--kube-context", self._kubecontext]
        try:
            finished = await process.run(
                [*process.mortal_prefix(), *argv],
                stdin=input or b"",
                env=self._environment,
                deadline=self._deadline,
                grace=self._grace,
                guarding=self._guarding,
                gated=True,
            )
        except OSError as error:
            raise HelmMissing(_CANNOT_START) from error
        if finished.returncode in _NOT_STARTED:
            raise HelmMissing(_CANNOT_START)
        if finished.timed_out or finished.returncode != 0:
            kind = HelmTimedOut if finished.timed_out else pyhelm3.errors.Error
            said = redact(finished.stderr.decode(errors="replace")).encode()
            raise kind(finished.returncode, b"", said)
        return finished.stdout

    async def install(
        self,
        release: str,
        chart: Path,
        values: Mapping[str, Any],
        *,
        namespace: str,
        labels: Mapping[str, str],
        validate: bool,
        major: int,
    ) -> dict[str, Any]:
        """Install a release, or upgrade it, without waiting for readiness.

        Args:
            release: Its name.
            chart: Folder or archive of the chart.
            values: The values; they go through standard input.
            namespace: An existing namespace.
            labels: Labels of the revision.
            validate: Have Helm fetch the cluster's schema and check against it.
            major: Major version of this Helm.

        Returns:
            The release as Helm wrote it.

        Raises:
            HelmMissing: Helm cannot be started.
            pyhelm3.errors.Error: Helm failed.
            ValueError: Helm's answer is not JSON.
        """
        flags = [f"--labels={key}={value}" for key, value in labels.items()]
        if not validate:
            flags.append("--disable-openapi-validation")
        command = self._with_flags(flags)
        answer = await command.install_or_upgrade(
            release,
            chart,
            dict(values),
            create_namespace=False,
            namespace=namespace,
            # Without it, Helm takes the values of the last revision where ours are empty.
            reset_values=True,
            # Helm 4 applies on the server unless the last revision says otherwise, and
            # then fails where somebody else owns a field; Helm 3 knows only its
            # three-way merge. The merge costs the same CPU (0.09 s, seven objects), repairs
            # drift in both, and lets either version go on with what the other has installed.
            server_side="false" if major >= 4 else None,  # noqa: PLR2004 - Helm 4
        )
        return cast("dict[str, Any]", answer)

    async def render(
        self, release: str, chart: Path, values: Mapping[str, Any], *, namespace: str
    ) -> bytes:
        """Render a chart as it would be installed, hooks and resource definitions included.

        The cluster is asked what it offers and what templates look up; nothing is changed.

        Returns:
            YAML documents.

        Raises:
            HelmMissing: Helm cannot be started.
            pyhelm3.errors.Error: Helm failed.
        """
        command = ["template", release, chart, "--include-crds", "--dry-run=server"]
        command += ["--namespace", namespace, "--values", "-"]
        return await self.run(command, json.dumps(dict(values)).encode())


def helm_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that Helm is started with.

    Args:
        base: Our own; proxies, cloud credentials and Helm's folders are handed on.
    """
    env = {key: value for key, value in base.items() if not _OURS_TO_SAY.match(key)}
    env["HELM_DRIVER"] = "secret"
    env["HELM_NO_PLUGINS"] = "1"
    # A process that lives for 0.1 s had better collect garbage seldom: 0.090 rather than
    # 0.103 s of CPU for an install (Helm 4.3.1, seven objects, three rounds interleaved).
    env.setdefault("GOGC", "400")
    return env


def parse_version(text: str) -> tuple[int, int] | None:
    """Return major and minor version from Helm's answer, for example ``v3.18.4``, or None."""
    match = re.search(r"v(\d{1,4})\.(\d{1,4})", text)
    return (int(match[1]), int(match[2])) if match else None
