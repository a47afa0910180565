"""Settings that every test shares."""

from hypothesis import settings

# A property is true or false, however busy the machine is that tests it.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
