"""Whose requests are counted together."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address


def customer(address: str) -> bytes:
    """An IPv4 address, or 64 bits of IPv6, which is what one customer gets at least. All that is no
    address, such as a Unix socket's peer, is one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return b""
    if isinstance(parsed, IPv4Address):
        return parsed.packed
    return parsed.ipv4_mapped.packed if parsed.ipv4_mapped else parsed.packed[:8]
