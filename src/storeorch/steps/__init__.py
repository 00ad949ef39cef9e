"""The ready-made steps that Helm store types are composed of, and their base class.

Steps see the world through ``ports`` alone.
"""

from storeorch.steps.address import AddressStep
from storeorch.steps.credentials import CredentialsStep
from storeorch.steps.guardrails import GuardrailsStep, Quota
from storeorch.steps.helm_type import HelmStoreType
from storeorch.steps.namespace import NamespaceStep
from storeorch.steps.release import ReleaseStep
from storeorch.steps.storefront import ServedPage, StorefrontStep
from storeorch.steps.workloads import WorkloadsStep

__all__ = [
    "AddressStep",
    "CredentialsStep",
    "GuardrailsStep",
    "HelmStoreType",
    "NamespaceStep",
    "Quota",
    "ReleaseStep",
    "ServedPage",
    "StorefrontStep",
    "WorkloadsStep",
]
