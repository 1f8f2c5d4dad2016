"""A stand-in for Stripe that speaks its wire protocol and moves no money.

One core, two mounts: in the process as the `http_client` of Stripe's own library
(tests, the demo's seed) and over HTTP with hosted pages (`python -m
portal.stripe_sandbox`). It knows Stripe and nothing of the portal.
"""
