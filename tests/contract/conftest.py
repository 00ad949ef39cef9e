import pytest

pytest.register_assert_rewrite("storeorch.testing.contracts")
