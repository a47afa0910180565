"""Addresses that other programs' clients know already, so that they need nothing but Kantu's.

A door translates a request and an answer, and nothing else: limits, queue, token and rate limit are
those of the API.
"""
