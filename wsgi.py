"""Entry point for any WSGI server: `wsgi:app`."""

from portal.app import create_app
from portal.boot import booted_settings

app = create_app(booted_settings())
