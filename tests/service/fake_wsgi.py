"""The application without weights, for tests of what surrounds it."""

from tests.fakes import fake_app

application = fake_app()
