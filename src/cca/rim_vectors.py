#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes rim_vectors.json beside it: Realms and their initial measurements, for rim_vectors_test.cpp.

An implementation of its own, so that a mistake in rim.cpp or rtt.cpp shows. It keeps the RMM's tables as trees of
entries and walks them as RMM 1.0 does (specification sections "RMI_RTT_INIT_RIPAS command" and "Realm Initial
Measurement"); KVM's part, which table to make when the RMM asks for one, is that of the series v5 to v12.
"""

import hashlib
import json
import pathlib
import struct

GRANULE = 4096
ENTRIES = 512
PAGE_LEVEL = 3


def span(level):
    """Bytes that one entry of a table of this level stands for."""
    return GRANULE * ENTRIES ** (PAGE_LEVEL - level)


class Tables:
    """An entry is "empty", "ram", "assigned" or a dict, which is the table below it."""

    def __init__(self, ipa_bits):
        # Up to 16 tables stand side by side at the start.
        self.start = next(level for level in (3, 2, 1, 0) if 1 << ipa_bits <= 16 * ENTRIES * span(level))
        self.top = {}

    def walk(self, address):
        level, table, index = self.start, self.top, address // span(self.start)
        while isinstance(table.get(index, "empty"), dict):
            table, level = table[index], level + 1
            index = address // span(level) % ENTRIES
        return level, table, index

    def split(self, address, level):
        while True:
            at, table, index = self.walk(address)
            if at >= level:
                return
            table[index] = dict.fromkeys(range(ENTRIES), table.get(index, "empty"))

    def init_ripas_command(self, base, top, extend):
        """One RMI_RTT_INIT_RIPAS: where it got to (base when nowhere), and the level at which its walk ended."""
        level, table, index = self.walk(base)
        address = base
        if base % span(level) == 0:
            limit = ENTRIES if level > self.start else 16 * ENTRIES
            while index < limit and address + span(level) <= top and table.get(index, "empty") in ("empty", "ram"):
                table[index] = "ram"
                extend(address, address + span(level))
                address, index = address + span(level), index + 1
        return address, level

    def init_ripas(self, base, top, extend):
        while base < top:
            reached, level = self.init_ripas_command(base, top, extend)
            if reached == base and level == PAGE_LEVEL:
                reached += GRANULE  # has content: is RAM already
            elif reached == base:
                wanted = PAGE_LEVEL
                while wanted > self.start and base % span(wanted - 1) == 0 and base + span(wanted - 1) <= top:
                    wanted -= 1
                self.split(base, wanted)
            base = reached

    def assign(self, address):
        self.split(address, PAGE_LEVEL)
        _, table, index = self.walk(address)
        assert table.get(index, "empty") != "assigned"
        table[index] = "assigned"


class Realm:
    def __init__(self, params, rmm):
        self.hash = hashlib.sha512 if params["hash_algo"] == 1 else hashlib.sha256
        self.rmm = rmm
        self.tables = Tables(params["s2sz"])
        page = bytearray(GRANULE)
        page[0:8] = struct.pack("<Q", params["flags"])
        for offset, field in ((0x8, "s2sz"), (0x10, "sve_vl"), (0x18, "num_bps"), (0x20, "num_wps"),
                              (0x28, "pmu_num_ctrs"), (0x30, "hash_algo")):
            page[offset] = params[field]
        self.rim = self.hash(page).digest()

    def extend(self, kind, rest):
        descriptor = struct.pack("<QQ", kind, 0x100) + self.rim.ljust(64, b"\0") + rest
        self.rim = self.hash(descriptor.ljust(0x100, b"\0")).digest()

    def ripas(self, step):
        def extend(base, top):
            if self.rmm == "1.0":
                self.extend(2, struct.pack("<QQ", base, top))
        self.tables.init_ripas(step["base"], step["base"] + step["size"], extend)

    def populate(self, step):
        content = content_of(step)
        for offset in range(0, step["size"], GRANULE):
            page = content[offset:offset + GRANULE].ljust(GRANULE, b"\0")
            self.tables.assign(step["base"] + offset)
            measured = self.hash(page).digest() if step["measured"] else b""
            self.extend(0, struct.pack("<QQ", step["base"] + offset, 1 if step["measured"] else 0) + measured)

    def rec(self, step):
        if step["runnable"]:
            page = bytearray(GRANULE)
            page[0:8] = struct.pack("<Q", 1)
            page[0x200:0x208] = struct.pack("<Q", step["pc"])
            page[0x300:0x340] = struct.pack("<8Q", *step["gprs"])
            self.extend(1, self.hash(page).digest())


def content_of(step):
    """`bytes` bytes: the text, again and again."""
    text = step["text"].encode()
    return (text * (step["bytes"] // len(text) + 1))[:step["bytes"]]


def params(s2sz, **other):
    return dict(flags=0, s2sz=s2sz, sve_vl=0, num_bps=5, num_wps=3, pmu_num_ctrs=0, hash_algo=0) | other


def ripas(base, size):
    return {"step": "ripas", "base": base, "size": size}


def populate(base, text, size, *, measured=True, room=0):
    return {"step": "populate", "base": base, "size": -(-size // GRANULE) * GRANULE + room, "text": text, "bytes": size,
            "measured": measured}


def recs(count, pc, *gprs):
    gprs = list(gprs) + [0] * (8 - len(gprs))
    return [{"step": "rec", "runnable": i == 0, "pc": pc if i == 0 else 0, "gprs": gprs if i == 0 else [0] * 8}
            for i in range(count)]


MIB, GIB = 1 << 20, 1 << 30
KERNEL, TREE, INITRAMFS = 0x40000000, 0x40200000, 0x40220000


def guest(base=0):
    """Three pieces, none of which ends on a page."""
    return [populate(base + KERNEL, "kernel", 0x12345), populate(base + TREE, "device tree", 5001, room=2 * GRANULE),
            populate(base + INITRAMFS, "cpio", 3 * GRANULE + 1)]


def vectors():
    for algorithm in (0, 1):
        name = ("sha256", "sha512")[algorithm]
        for mib, bits, vcpus in ((64, 32, 1), (512, 32, 2), (1025, 33, 4), (3073, 34, 8), (7 * 1024 + 6, 35, 3),
                                 (40 * 1024, 37, 16), (600 * 1024, 41, 1)):
            ram = [ripas(KERNEL, mib * MIB)]
            yield (f"{mib} MiB, RIPAS first, {name}", params(bits, hash_algo=algorithm),
                   ram + guest() + recs(vcpus, KERNEL, TREE))
            yield (f"{mib} MiB, RIPAS last, {name}", params(bits, hash_algo=algorithm),
                   guest() + recs(vcpus, KERNEL, TREE) + ram)
        yield (f"several ranges with ragged ends, {name}", params(33, hash_algo=algorithm),
               [ripas(0x3ffff000, 0x2000), ripas(0x80001000, 5 * MIB), ripas(0x90000000, 2 * MIB - GRANULE),
                ripas(0xa0000000 - GRANULE, 4 * MIB + 2 * GRANULE), populate(0x80003000, "x", 1),
                populate(0xa0000000, "y", GRANULE)] + recs(1, 0x80003000, 1, 2, 3, 4, 5, 6, 7, 8))
        yield (f"measured and unmeasured pages, {name}", params(36, hash_algo=algorithm),
               [ripas(GIB, 2 * GIB), populate(GIB, "a", 2 * GRANULE, measured=False), populate(GIB + MIB, "b", 100),
                populate(GIB + 2 * MIB, "zeros", 0, room=3 * GRANULE),
                populate(GIB + 4 * MIB, "c", GRANULE + 1, measured=False)] + recs(2, GIB + MIB))
    yield ("a range twice, and populated between", params(33),
           [ripas(KERNEL, 4 * MIB), populate(KERNEL + MIB, "k", 9000), ripas(KERNEL, 4 * MIB)] + recs(1, KERNEL + MIB))
    yield ("SVE, PMU and other numbers of breakpoints", params(48, flags=6, sve_vl=3, num_bps=15, num_wps=15, pmu_num_ctrs=6),
           [ripas(0, 514 * GIB + 2 * MIB)] + guest() + recs(1, KERNEL, TREE))
    yield ("no RIPAS at all", params(40), guest() + recs(1, KERNEL, TREE, 1))


def main():
    out = []
    for name, realm_params, steps in vectors():
        rims = {}
        for rmm in ("1.0", "2.0"):
            realm = Realm(realm_params, rmm)
            for step in steps:
                {"ripas": realm.ripas, "populate": realm.populate, "rec": realm.rec}[step["step"]](step)
            rims[rmm] = realm.rim.hex()
        out.append({"name": name, "realm_params": realm_params, "steps": steps, "rim": rims})
    lines = ",\n".join(json.dumps(vector) for vector in out)
    (pathlib.Path(__file__).parent / "rim_vectors.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
