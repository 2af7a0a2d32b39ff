"""Marks of the tests."""


def pytest_configure(config):
    config.addinivalue_line("markers", "postgres: needs a PostgreSQL server, which the tests start by themselves where its wheel is installed")
