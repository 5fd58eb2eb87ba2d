# SPDX-License-Identifier: BSD-2-Clause
"""nftables in mxlb's place: DNAT by the client's /24 and /64.

The control experiment. What the lab measures must come out right with a balancer that
is known to work, or a red test says nothing about mxlb.
"""
import contextlib

from lab import VIP4, VIP6

RULES = """
table {family} lab {{
    chain prerouting {{
        type nat hook prerouting priority dstnat;
        {family} daddr {vip} tcp dport 25 \\
            dnat to jhash {family} saddr & {mask} mod {n} map {{ {to} }}
    }}
}}
"""


def rules(n):
    text = ""
    for family, vip, mask, host in (("ip", VIP4, "255.255.255.0", "10.0.0.1"),
                                    ("ip6", VIP6, "ffff:ffff:ffff:ffff::", "fd00::1")):
        to = ", ".join(f"{i} : {host}{i + 1}" for i in range(n))
        text += RULES.format(family=family, vip=vip, mask=mask, n=n, to=to)
    return text


@contextlib.contextmanager
def dnat(lab):
    """Balance over all of the lab's backends for the length of the block."""
    lab.router.run("nft", "-f", "-", input=rules(len(lab.backends)))
    try:
        yield
    finally:
        lab.router.run("nft", "delete table ip lab; delete table ip6 lab")
