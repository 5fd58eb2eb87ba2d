# SPDX-License-Identifier: BSD-2-Clause
"""Path MTU discovery, both ways, wherever the narrow link is: on either side of mxlb's
router, at it or beyond another one. Both ends have whole links and agree on whole
segments, so nothing large gets through unless the ICMP error reaches who must hear it."""
import hashlib
import socket

import checks
import crowd
import odd
import pytest
import smtp
from lab import exit_on_sigterm, VIPS
from mxlb import Mxlb
from nets import NARROW, Chain
from scapy.layers.inet import ICMP, IP, IPerror, TCPerror
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPerror6, IPv6

SIZE = 4_000_000
GIVE_PORT = 26  # of the VIP; on the backend:
GIVER_PORT = 2526
# Whose ICMP error it is, as the end that must hear it sees it, by narrow link. A router
# speaks as its end of the link towards the hearer; mxlb, and what is behind it, as the VIP.
TO_SENDER = {1: {4: "10.40.0.2", 6: "fd00:40::2"}, 2: {4: "10.40.1.2", 6: "fd00:40:1::2"},
             3: VIPS, 4: VIPS}
TO_BACKEND = {1: {4: "10.40.2.1", 6: "fd00:40:2::1"}, 2: VIPS,
              3: {4: "10.40.4.1", 6: "fd00:40:4::1"}, 4: {4: "10.40.5.1", 6: "fd00:40:5::1"}}
WHERE = ["beyond the clients' router", "the clients' link", "the backends' link",
         "beyond the backends' router"]

pytestmark = [pytest.mark.parametrize("family", [4, 6]),
              pytest.mark.parametrize("link", [1, 2, 3, 4], ids=WHERE)]


@pytest.fixture(scope="module")
def chain():
    exit_on_sigterm()
    with Chain() as made:
        yield made


@pytest.fixture(scope="module", params=["xdp", "tc"])
def narrowed(chain, request):
    """mxlbd in the chain: mail to Postfix, and beside it what gives large answers."""
    with Mxlb(chain, f"mxlb-{request.param}") as made, \
            crowd.serving(chain.row["mx1"], "mx1", *Chain.BACKEND.values(), port=GIVER_PORT):
        addresses = list(Chain.BACKEND.values())
        made.service_conf["backends"]["mx1"]["address"] = addresses
        made.conf["probes"]["none"] = {"type": "none"}
        made.conf["services"]["give"] = {
            "address": list(VIPS.values()), "port": GIVE_PORT, "probe": "none",
            "backends": {"mx1": {"address": addresses, "port": GIVER_PORT}}}
        made.start_on(request.param)
        made.await_serving("mx1")
        yield made


def is_too_big(frame):
    return ICMPv6PacketTooBig in frame or (
        ICMP in frame and (frame[ICMP].type, frame[ICMP].code) == (3, 4))


def assert_told(tap, family, speaker, hearer, quoted):
    """The end has heard of the narrow link, from that speaker, with its own packet quoted
    as it sent it: (source, destination), each an address and a port."""
    frame = tap.get("an ICMP error about the size", is_too_big)
    odd.assert_sums(odd.ip_bytes(frame))
    outer, inner = (frame[IP], frame[IPerror]) if family == 4 else (frame[IPv6], frame[IPerror6])
    assert (outer.src, outer.dst) == (speaker, hearer)
    tcp = frame[TCPerror]
    assert ((inner.src, tcp.sport), (inner.dst, tcp.dport)) == quoted
    mtu = frame[ICMP].nexthopmtu if family == 4 else frame[ICMPv6PacketTooBig].mtu
    assert mtu == NARROW


def assert_whole_segments(sock):
    """Nothing but the path keeps segments from filling the links."""
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) > NARROW


def test_a_large_mail(chain, narrowed, link, family):
    chain.narrow(link)
    source, vip = Chain.SENDER[family], VIPS[family]
    mail = smtp.Mail(source, family, size=SIZE)
    with odd.Tap(chain.client, code=odd.ONLY_ICMP) as tap:
        session = smtp.open_session(chain, mail, timeout=30.0)
        port = session.sock.getsockname()[1]
        assert_whole_segments(session.sock)
        session.to_data(mail)
        session.send(mail.text())
        session.end_data()
        session.quit()
        assert_told(tap, family, TO_SENDER[link][family], source, ((source, port), (vip, 25)))
    assert chain.path_mtu("far", vip) == NARROW
    checks.delivered_once(chain, [mail])
    checks.true_clients(chain, [mail])


def test_a_large_answer(chain, narrowed, link, family):
    chain.narrow(link)
    source, backend = Chain.SENDER[family], Chain.BACKEND[family]
    mx1 = chain.row["mx1"]
    with odd.Tap(mx1, code=odd.ONLY_ICMP) as tap:
        with chain.client.entered():
            sock = socket.create_connection((VIPS[family], GIVE_PORT), 30.0, (source, 0))
        with sock, sock.makefile("rb") as answers:
            port = sock.getsockname()[1]
            assert answers.readline() == b"220 mx1 ESMTP\r\n"
            assert_whole_segments(sock)
            sock.sendall(f"XGIVE {SIZE}\r\n".encode())
            assert answers.readline() == b"250 mx1\r\n"
            got = answers.read(SIZE)
        assert hashlib.sha1(got).digest() == hashlib.sha1(crowd.given(SIZE)).digest()
        assert_told(tap, family, TO_BACKEND[link][family], backend,
                    ((backend, GIVER_PORT), (source, port)))
    assert chain.path_mtu("mx1", source) == NARROW
