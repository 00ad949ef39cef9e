from storeorch.testing import SampleShop
from storeorch.testing.conformance import StoreTypeConformance


class TestSampleShop(StoreTypeConformance):
    store_type = SampleShop()
    needs_chart = False
