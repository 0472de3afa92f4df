#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the first inputs of every fuzz target: seeds.py DIRECTORY makes DIRECTORY/TARGET/N."""

import bz2
import gzip
import io
import ipaddress
import lzma
import os
import struct
import sys
import tarfile

GUEST, GUEST6 = "10.0.2.15", "fd00::15"


def ethernet(ethertype, payload):
    return bytes.fromhex("525500000202" "525400123456") + struct.pack(">H", ethertype) + payload


def packed(address):
    return ipaddress.ip_address(address).packed


def ipv4(protocol, payload, destination="198.51.100.7", source=GUEST, fragment=0x4000):
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, fragment, 64, protocol, 0)
    return ethernet(0x0800, header + packed(source) + packed(destination) + payload)


def ipv6(protocol, payload, destination="2001:db8::7", source=GUEST6):
    header = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 255)
    return ethernet(0x86DD, header + packed(source) + packed(destination) + payload)


def tcp(flags, payload=b"", options=b""):
    offset = (20 + len(options)) // 4 << 4
    return struct.pack(">HHIIBBHHH", 50000, 443, 100, 200, offset, flags, 65535, 0, 0) + options + payload


def udp(payload=b"", port=53, source_port=50000):
    return struct.pack(">HHHH", source_port, port, 8 + len(payload), 0) + payload


def icmp(kind, payload=b"12345678"):
    return struct.pack(">BBHHH", kind, 0, 0, 7, 1) + payload


def arp(operation):
    return ethernet(0x0806, struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation)
                    + bytes(6) + packed(GUEST) + bytes(6) + packed("10.0.2.2"))


def frames():
    syn, ack, fin_ack, rst = 2, 16, 17, 4
    yield arp(1)
    yield arp(2)
    for wrap in (ipv4, ipv6):
        yield wrap(6, tcp(syn, options=bytes.fromhex("020405b401010402")))
        yield wrap(6, tcp(ack, b"GET / HTTP/1.0\r\n\r\n"))
        yield wrap(6, tcp(fin_ack))
        yield wrap(6, tcp(rst))
        yield wrap(17, udp(b"question"))
        yield wrap(17, udp(b""))
    yield ipv4(1, icmp(8), "10.0.2.2")
    yield ipv6(58, icmp(128), "fd00::2")
    yield ipv6(58, icmp(135, bytes(16)), "ff02::1:ff00:2")
    yield ipv6(58, icmp(133, b""), "ff02::2", "fe80::1")
    yield ipv4(17, udp(bytes(240), 67, 68), "255.255.255.255", "0.0.0.0")
    yield ipv4(17, udp(b"x"), fragment=0x2000)
    yield ipv4(17, udp(b"x", 69), "10.0.2.2")
    for destination in ("127.0.0.1", "0.0.0.0", "10.0.2.3", "169.254.169.254", "224.0.0.1"):
        yield ipv4(6, tcp(syn), destination)
    for destination in ("::1", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::2", "fd00::3"):
        yield ipv6(6, tcp(syn), destination)


def dns_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def dns_query(name, kind=1, edns=True, flags=0x0100, record_class=1):
    opt = b"\0" + struct.pack(">HHIH", 41, 1232, 0x8000, 0) if edns else b""
    return (struct.pack(">HHHHHH", 7, flags, 1, 0, 0, 1 if edns else 0)
            + dns_name(name) + struct.pack(">HH", kind, record_class) + opt)


def dns_record(kind, data, owner=b"\xc0\x0c", ttl=300):
    return owner + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def dns_answer(name, records, kind=1, flags=0x8180):
    return (struct.pack(">HHHHHH", 7, flags, 1, len(records), 0, 0) + dns_name(name)
            + struct.pack(">HH", kind, 1) + b"".join(records))


def dns_exchanges():
    name = "www.example.org"
    alias = dns_record(5, b"\3cdn\7example\3net\0")
    answers = (
        dns_answer(name, [dns_record(1, packed("192.0.2.1"))]),
        dns_answer(name, [alias, dns_record(1, packed("192.0.2.1"), b"\3cdn\7example\3net\0")]),
        dns_answer(name, [dns_record(5, b"\xc0\x0c")]),
        dns_answer(name, [dns_record(28, packed("2001:db8::1"), ttl=0xFFFFFFFF)]),
        dns_answer(name, [], flags=0x8183),
        dns_answer(name, [dns_record(16, b"\x05hello")] * 40),
        dns_answer(name, [], flags=0x8380),
        b"",
    )
    queries = (dns_query(name), dns_query("WWW.Example.ORG", 28, edns=False), dns_query(name, 255), dns_query(name, 252),
               dns_query(name, record_class=3), dns_query(name, flags=0x2800), dns_query("_srv.a\x01b"), b"\0" * 12)
    for number, query in enumerate(queries):
        yield struct.pack(">H", len(query)) + query + answers[number]
        yield struct.pack(">H", len(query)) + query + answers[0]
    for answer in answers:
        yield struct.pack(">H", len(queries[0])) + queries[0] + answer


ALLOW = ("example.org", "*.example.org:443", "192.0.2.1", "192.0.2.0/24:80", "2001:db8::1", "[2001:db8::/32]:443",
         "::ffff:192.0.2.1", "127.1", "*", "[::1", "example.org:0")
PUBLISH = ("8080:80", "80", "0:80-89/udp", "127.0.0.1:5000-5009:6000-6009", "[::1]::80/tcp", "0.0.0.0:1:1", "::80")
HOSTS = ("db:192.0.2.7", "db:2001:db8::7", "db:[::1]", "host:host-gateway")
DOMAINS = (".", "example.org.", "corp")
SERVERS = ("9.9.9.9", "2620:fe::fe", "0.0.0.0")
PREFIXES = ("10.0.0.0/8", "::/0", "fe80::1%eth0", "1.2.3.4/33")

ARGUMENTS = (
    "run alpine.tar ls -l",
    "shell",
    "help run",
    "--version",
    "run -it --rm -v /a:/b:ro --mount type=tmpfs,dst=/t,tmpfs-size=1m img sh",
    "run -p 8080:80 --allow *.example.org:443 --allow 192.0.2.0/24 --net-log log --pcap p --mtu 1500 img x",
    "run --network none --read-only --hostname h --userns keep-id -u 0:0 -w / -e A=b img -- x",
    "run --dns 9.9.9.9 --dns-search . --add-host a:::1 --no-ipv6 --net-engine slirp --host-loopback=no img x",
    "shell --network host --share pid --timeout 1.5m --kill-after 1 host -- -c true",
    "run --netwrok none img x",
)

CONFIG = (
    "# none\nnetwork = none\nread-only = true\nenv = A=b\nenv = C\ntmpfs = /s:size=64m\n",
    "publish = 8080:80\nallow = example.org:443 # web\nmtu=1500\nno-ipv6 = yes\n",
    "[section]\nquiet = 1\n",
    "timeout = 5m\nuser = nobody\nnosuch = 1\n",
)

ENVIRONMENT = ("# comment\n\nA=1\r\n  B=two words \nC=\"q\"\nD\n", "export A=1\n", "=x\n", "A==\nA\nPATH=\n")

PASSWD = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:\nbroken:x:y\n7:x:8:9::/:\n"
GROUP = "root:x:0:\nwheel:x:10:root,user\nbad:x:4294967295:\n"
USERS = tuple("\0".join((name, PASSWD, GROUP)) for name in ("root", "user:wheel", "7", "1000:10", "nobody", ":", "-1"))

DIGEST = "sha256:" + "0123456789abcdef" * 4
BLOB = f'"digest":"{DIGEST}","size":7'
MANIFESTS = (
    f'{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json",{BLOB}}},'
    f'"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+zstd",{BLOB}}},{{{BLOB}}}]}}',
    f'{{"schemaVersion":2,"manifests":[{{{BLOB},"platform":{{"os":"linux","architecture":"amd64"}},"annotations":'
    f'{{"org.opencontainers.image.ref.name":"v1"}}}},{{{BLOB},"platform":{{"os":"linux","architecture":"arm",'
    f'"variant":"v7"}}}},{{{BLOB}}}]}}',
    '{"manifests":[]}', '{"manifests":null}', '[]', '{"config":7}', "{",
)
DOCKER_MANIFESTS = (
    '[{"Config":"c.json","RepoTags":["a:1","b"],"Layers":["x/layer.tar","../y"]}]',
    '[{"Config":"c.json","RepoTags":null,"Layers":null},{"Config":"d","RepoTags":[],"Layers":["\\u0000"]}]', "[]", "{}",
)
CONFIGS = (
    f'{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{DIGEST}"]}},"config":{{"Env":'
    '["A=b","C="],"Entrypoint":["/e"],"Cmd":["c","d"],"Labels":{"k":"v","":""},"ExposedPorts":{"80/tcp":{}},'
    '"WorkingDir":"/w","User":"0:0","StopSignal":"SIGQUIT"}}',
    f'{{"rootfs":{{"diff_ids":["{DIGEST}","{DIGEST}"]}},"config":null}}', '{"rootfs":{"diff_ids":["sha256:../../x"]}}',
    f'{{"rootfs":{{"diff_ids":["{DIGEST}"]}},"config":{{"Env":["=x"],"Labels":{{"a":1}}}}}}',
)

SUBID = (
    "user:100000:65536\n1000:200000:65536\nother:300000:1\nuser:4294967295:1\nuser:0:0\n",
    "0: user 100000 65536\n1: user 165536 65536\n",
    "user:100000:65536\nuser:100001:5\n",
)

POLICY = (
    "A *.example.org:443\nN www.example.org 192.0.2.1 60\nQ 192.0.2.1 443\nQ 192.0.2.1 80\nQ 192.0.2.2 443",
    "A 0.0.0.0/0\nA ::/0\nQ 169.254.169.254 80\nQ 127.0.0.1 80\nQ ::ffff:127.0.0.1 1\nQ 10.0.2.3 53",
    "L\nQ 10.0.2.2 80\nQ fd00::2 80\nQ ::1 80",
    "L\nA 10.0.2.2:80\nA 169.254.0.0/16\nQ 10.0.2.2 80\nQ 169.254.169.254 80\nQ fe80::1 80\nQ 64:ff9b::7f00:1 1",
    "A evil.example\nN evil.example 127.0.0.1 0\nN evil.example 169.254.169.254 9\nQ 127.0.0.1 80\nQ 169.254.169.254 80",
)

RESOLV_CONF = (
    "nameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch example.org\noptions edns0\n",
    "# nameserver 192.0.2.9\nnameserver\tfe80::1%eth0 # x\nnameservers 1.2.3.4\n",
    "nameserver dns.example\n",
    "",
)


def tar(form):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, kind, target in (("bin", tarfile.DIRTYPE, ""), ("bin/sh", tarfile.REGTYPE, ""),
                                   ("bin/ash", tarfile.SYMTYPE, "sh"), ("bin/again", tarfile.LNKTYPE, "bin/sh"),
                                   ("fifo", tarfile.FIFOTYPE, ""), ("null", tarfile.CHRTYPE, ""),
                                   ("d" * 90 + "/" + "f" * 90, tarfile.REGTYPE, ""), ("../out", tarfile.REGTYPE, "")):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.mode, entry.mtime = kind, target, 0o4755, 1700000000
            if form == tarfile.PAX_FORMAT:
                entry.pax_headers = {"SCHILY.xattr.user.note": "value", "mtime": "1700000000.25"}
            content = b"content" * 100 if kind == tarfile.REGTYPE else b""
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def archives():
    for form in (tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        plain = tar(form)
        yield from (plain, gzip.compress(plain, mtime=0), bz2.compress(plain), lzma.compress(plain))


def chosen(choice, texts):
    return [bytes([choice]) + text.encode() for text in texts]


SEEDS = {
    "arguments": ["\n".join(line.split()) for line in ARGUMENTS],
    "config": CONFIG,
    "dns": list(dns_exchanges()),
    "environment_file": ENVIRONMENT,
    "frame": list(frames()),
    "manifest": [seed for choice, texts in enumerate((MANIFESTS, DOCKER_MANIFESTS, CONFIGS))
                 for seed in chosen(choice, texts)],
    "network_rules": [seed for choice, texts in enumerate((ALLOW, PUBLISH, HOSTS, DOMAINS, SERVERS, PREFIXES))
                      for seed in chosen(choice, texts)],
    "policy": POLICY,
    "resolv_conf": RESOLV_CONF,
    "subid": SUBID,
    "unpack": list(archives()),
    "users": USERS,
}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for target, seeds in SEEDS.items():
        directory = os.path.join(sys.argv[1], target)
        os.makedirs(directory, exist_ok=True)
        for number, seed in enumerate(seeds):
            with open(os.path.join(directory, f"seed-{number:02}"), "wb") as file:
                file.write(seed.encode() if isinstance(seed, str) else seed)


if __name__ == "__main__":
    main()
