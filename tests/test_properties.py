"""Properties of the normal suite draw the same examples every time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


@given(st.integers())
def test_every_collected_property_is_the_same_every_time(request, n):
    profile = request.config.getoption("--hypothesis-profile")
    if profile == "random":
        pytest.skip("asked for new examples")
    assert settings.get_profile("same").derandomize
    properties = [item for item in request.session.items if item.get_closest_marker("hypothesis")]
    assert request.node in properties
    for item in properties:
        assert item.obj._hypothesis_internal_use_settings.derandomize, item.nodeid
