"""A kubeconfig of a user who has not all rights."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from .api import Api, Json

_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
_ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"

EVERYTHING: Final = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}

# RBAC only adds, so what is left out is left out by naming all the rest.
_GROUPS: Final = (
    ("", "namespaces nodes limitranges resourcequotas secrets pods events services configmaps"),
    ("", "persistentvolumeclaims serviceaccounts"),
    ("apps", "deployments statefulsets"),
    ("batch", "jobs"),
    ("networking.k8s.io", "networkpolicies ingresses"),
)
_VERBS: Final = ("get", "list", "watch", "create", "update", "patch", "delete")


def everything_but(resource: str, verbs: Sequence[str] = _VERBS) -> list[Json]:
    """Return rules that give all that storeorch needs, except some verbs of one resource."""
    rules: list[Json] = []
    for group, names in _GROUPS:
        resources = [name for name in names.split() if name != resource]
        rules.append({"apiGroups": [group], "resources": resources, "verbs": list(_VERBS)})
        left = [verb for verb in _VERBS if verb not in verbs]
        if resource in names.split() and left:
            rules.append({"apiGroups": [group], "resources": [resource], "verbs": left})
    return rules


def altered(
    kubeconfig: Path, path: Path, *, token: str | None = None, server: str | None = None
) -> Path:
    """Write a kubeconfig like another one, but with that token or that server."""
    config = yaml.safe_load(kubeconfig.read_text())
    if token is not None:
        config["users"][0]["user"] = {"token": token}
    if server is not None:
        config["clusters"][0]["cluster"]["server"] = server
    path.write_text(yaml.safe_dump(config))
    return path


_PATHS: Final = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "ClusterRole": f"{_RBAC}/clusterroles",
    "ClusterRoleBinding": f"{_RBAC}/clusterrolebindings",
    "ValidatingAdmissionPolicy": f"{_ADMISSION}/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": f"{_ADMISSION}/validatingadmissionpolicybindings",
}


def apply_all(api: Api, manifests: Sequence[Json]) -> None:
    """Create objects as ``kubectl apply`` would."""
    for manifest in manifests:
        path = _PATHS[manifest["kind"]]
        api.create(path.format(namespace=manifest["metadata"].get("namespace")), manifest)


def token_of(api: Api, namespace: str, account: str) -> str:
    """Return a token of a service account, good for a long run of tests."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    answer = api.create(path, {"spec": {"expirationSeconds": 6 * 3600}})
    return str(answer["status"]["token"])


@dataclass(frozen=True)
class Limited:
    """A user whose rights a test can change."""

    kubeconfig: Path
    _api: Api
    _name: str

    def give(self, rules: Sequence[Json]) -> None:
        self._api.merge(f"{_RBAC}/clusterroles/{self._name}", {"rules": list(rules)})


@contextmanager
def limited_user(api: Api, admin: Path, folder: Path, rules: Sequence[Json]) -> Iterator[Limited]:
    """Make a service account with these rights, and a kubeconfig with its token."""
    name = f"limited-{uuid.uuid4().hex[:8]}"
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    api.create(accounts, {"metadata": {"name": name}})
    api.create(f"{_RBAC}/clusterroles", {"metadata": {"name": name}, "rules": list(rules)})
    api.create(
        f"{_RBAC}/clusterrolebindings",
        {
            "metadata": {"name": name},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": name,
            },
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
        },
    )
    token = api.create(f"{accounts}/{name}/token", {"spec": {}})["status"]["token"]
    yield Limited(altered(admin, folder / f"{name}.kubeconfig", token=token), api, name)
    api.delete(f"{_RBAC}/clusterrolebindings/{name}")
    api.delete(f"{_RBAC}/clusterroles/{name}")
    api.delete(f"{accounts}/{name}")
