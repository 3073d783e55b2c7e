"""Makes vectors.json: the protocol of docs/protocol.md, written a second time and in another language.

    python3 test/wire/golden/make.py > test/wire/golden/vectors.json && npx biome format --write test/wire/golden

Nothing here knows the library. A vector that the library and this file disagree about is a defect of one of them.
"""

import hashlib
import hmac
import json
import struct

PREFACE = bytes.fromhex("c7434c555354520a")
KIND = {
    "request": 1, "reply": 2, "error": 3, "cancel": 4, "post": 5, "message": 6, "bytes": 7, "fragment": 8,
    "ping": 9, "pong": 10, "refused": 11, "goAway": 12, "hopError": 13, "gone": 14,
}
METADATA, ABORT, IGNORABLE = 0x01, 0x02, 0x80


def u8(n): return struct.pack(">B", n)
def u16(n): return struct.pack(">H", n)
def u32(n): return struct.pack(">I", n)
def u64(n): return struct.pack(">Q", n)


def address(text):
    group, kind, ident = (int(part) for part in text.split("."))
    return group << 20 | kind << 12 | ident


# -- the opening ------------------------------------------------------------------------------------------------------

def record(kind, body=b""):
    return u8(kind) + u16(len(body)) + body


def tlv16(fields):
    return b"".join(u16(tag) + u16(len(value)) + value for tag, value in fields)


def hello_body(h):
    fields = [
        (1, bytes(h["layout"])), (2, h["cluster"].encode()), (3, u32(h["from"])), (4, u32(h["to"])),
        (5, u64(int(h["fromIncarnation"]))), (6, u64(int(h["toIncarnation"]))), (7, u8(h["purpose"])),
        (8, bytes.fromhex(h["nonce"])), (9, b"".join(bytes.fromhex(k) for k in h["keyIds"])),
        (10, u32(h["maxPayloadBytes"])), (11, h["software"].encode()),
    ]
    return u8(h["minVersion"]) + u8(h["maxVersion"]) + tlv16(fields)


def hkdf(secret, info, length=32):
    """RFC 5869 with SHA-256."""
    prk = hmac.new(b"clusterts opening 1", secret, hashlib.sha256).digest()
    out, block = b"", b""
    for i in range(1, 1 + -(-length // 32)):
        block = hmac.new(prk, block + info + u8(i), hashlib.sha256).digest()
        out += block
    return out[:length]


def key_id(secret): return hkdf(secret.encode(), b"key id")[:8]


def proof(secret, role, purpose, dialer_hello, acceptor_hello, binding=b""):
    mac = hmac.new(hkdf(secret.encode(), f"{role} {purpose}".encode()), digestmod=hashlib.sha256)
    for part in (dialer_hello, acceptor_hello, binding):
        mac.update(u16(len(part)) + part)
    return mac.digest()


# -- frames -----------------------------------------------------------------------------------------------------------

def frame(kind, body=b"", flags=0, hops=4, to=0, frm=0, epoch=0, seq=0, remaining=0):
    return u32(24 + len(body)) + u8(kind) + u8(flags) + u8(hops) + u8(0) + u32(to) + u32(frm) + u32(epoch) + u32(seq) + u32(remaining) + body


def metadata(entries):
    body = b"".join(u8(len(k)) + k.encode() + u16(len(v)) + v for k, v in entries)
    return u16(len(body)) + body


def error(code, app_code=None, reason=None, details=None, path=None, execution=None):
    fields = [(1, code.encode())]
    if app_code is not None: fields.append((2, struct.pack(">i", app_code)))
    if reason is not None: fields.append((3, reason.encode()))
    if details is not None: fields.append((4, details))
    if path is not None: fields.append((5, b"".join(u32(address(a)) for a in path)))
    if execution is not None: fields.append((6, u8(["notRun", "unknown", "ran"].index(execution))))
    return b"".join(u8(tag) + u16(len(value)) + value for tag, value in fields)


def fnv1a(name):
    value = 0x811C9DC5
    for byte in name.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def epoch_of(incarnation): return (incarnation ^ incarnation >> 32) & 0xFFFFFFFF


# -- the vectors ------------------------------------------------------------------------------------------------------

OLD, NEW = "the old secret of this cluster, 32 bytes or more", "the new secret, which has a ü in it: UTF-8 it is"
A, B, HARBOR = address("1.2.1"), address("1.3.7"), address("1.255.1")
FAR = address("2.3.9")
INCARNATION = 0x01890AF3C4D5E6F7
EPOCH = epoch_of(INCARNATION)
NONCE_D, NONCE_A = bytes(range(32)), bytes(range(0x80, 0xA0))


def hello(**changed):
    h = {
        "minVersion": 1, "maxVersion": 1, "layout": [12, 8, 12], "cluster": "default", "from": A, "to": B,
        "fromIncarnation": str(INCARNATION), "toIncarnation": "0", "purpose": 1, "nonce": NONCE_D.hex(), "keyIds": [],
        "maxPayloadBytes": 4194304, "software": "clusterts 0.1.0",
    }
    h.update(changed)
    return h


def answer(**changed):
    return hello(**{"from": B, "to": A, "fromIncarnation": "7", "toIncarnation": str(INCARNATION), "nonce": NONCE_A.hex(), **changed})


ids = {secret: key_id(secret).hex() for secret in (OLD, NEW)}
hellos = [
    ("dialer without a secret", hello()),
    ("acceptor without a secret", answer()),
    ("dialer with two secrets", hello(keyIds=[ids[NEW], ids[OLD]])),
    ("acceptor that chose the old one", answer(keyIds=[ids[OLD]])),
    ("anonymous tool", hello(**{"from": 0, "fromIncarnation": "1", "cluster": "c", "software": ""})),
    ("probe for the own address", hello(to=A, purpose=3)),
    ("highest numbers", hello(minVersion=1, maxVersion=255, **{
        "from": 0xFFFFFFFF, "to": 0xFFFFFFFF, "fromIncarnation": str(2**64 - 1), "toIncarnation": str(2**64 - 1),
        "maxPayloadBytes": 2**32 - 1, "cluster": "~" * 64, "software": "ü" * 32, "nonce": "ff" * 64, "keyIds": ["%02x" % k * 8 for k in range(8)]})),
]

openings = []
for name, secret, dialer_keys, purpose, binding in [
    ("without a secret", None, [], 1, b""),
    ("one secret", OLD, [OLD], 1, b""),
    ("the dialer has the new one too", OLD, [NEW, OLD], 1, b""),
    ("under TLS", NEW, [NEW], 1, bytes(range(0x40, 0x60))),
    ("a probe", NEW, [NEW], 3, b""),
]:
    keys = [ids[k] for k in dialer_keys]
    frm = B if purpose == 3 else A
    d = record(1, hello_body(hello(keyIds=keys, purpose=purpose, **{"from": frm})))
    a = record(1, hello_body(answer(keyIds=[ids[secret]] if secret else [], purpose=purpose, to=frm)))
    pd = proof(secret, "dialer", purpose, d, a, binding) if secret else b""
    pa = proof(secret, "acceptor", purpose, d, a, binding) if secret else b""
    openings.append({
        "name": name, "dialerSecrets": dialer_keys, "acceptorSecrets": [secret] if secret else [], "purpose": purpose,
        "from": frm, "to": B, "fromIncarnation": str(INCARNATION), "toIncarnation": "7", "software": "clusterts 0.1.0",
        "binding": binding.hex(), "dialerNonce": NONCE_D.hex(), "acceptorNonce": NONCE_A.hex(),
        "dialerHello": (PREFACE + d).hex(), "acceptorHello": (PREFACE + a).hex(),
        "dialerProof": record(2, pd).hex(), "acceptorProof": record(2, pa).hex(), "accepted": record(3).hex(),
    })

proofs = []
for secret in (OLD, NEW):
    for role in ("dialer", "acceptor"):
        for purpose in (1, 2, 3):
            for binding in (b"", bytes(range(0x40, 0x60))):
                d, a = bytes([1, 0, 3, 1, 1, 0]), bytes([1, 0, 2, 1, 1])
                proofs.append({
                    "secret": secret, "role": role, "purpose": purpose, "dialerHello": d.hex(), "acceptorHello": a.hex(),
                    "binding": binding.hex(), "mac": proof(secret, role, purpose, d, a, binding).hex(),
                })

refusals = [
    (1, "malformed", "not clusterts"), (4, "cluster", ""), (10, "replaced", "incarnation 9 of 1.2.1 is alive, newer than 7"),
    (0, "other", "ß"), (600, "other", "a reason of next year"),
]

metadatas = [
    ("none", []), ("one", [("traceparent", b"00-ab-cd-01")]), ("empty value", [("a", b"")]),
    ("three, in the sender's order", [("z", b"\x00"), ("a.b_c-1", bytes(range(8))), ("0", b"\xff" * 300)]),
    ("longest key", [("k" * 128, b"v")]),
    ("most entries", [("k%d" % i, b"") for i in range(64)]),
    ("most bytes", [("k", b"\x55" * (8192 - 4))]),
]

errors = [
    ("code alone", dict(code="UNAVAILABLE")),
    ("all fields", dict(code="NOT_FOUND", app_code=-7, reason="no player 9", details=b"\x08\x09", path=["1.255.1", "2.255.1"], execution="ran")),
    ("not run", dict(code="RESOURCE_EXHAUSTED", reason="handlers work on 8192 requests of 1.2.1", execution="notRun")),
    ("a code of next year", dict(code="TEAPOT", app_code=2147483647, execution="unknown")),
    ("text that is not ASCII", dict(code="INTERNAL", reason="größer als 🎲", app_code=-2147483648)),
    ("longest texts and details", dict(code="C" * 64, reason="r" * 4096, details=b"\xd5" * 16384, path=["1.2.%d" % i for i in range(8)])),
]

go_aways = [
    ("other", 0, 0, "see the text"), ("shutdown", 1, 4711, "1.3.7 is closing"), ("idle", 2, 0, ""), ("maxAge", 3, 1, ""),
    ("replaced", 4, 4294967295, "incarnation 9 of 1.2.1 has come, newer than 7"), ("duplicate", 5, 2, ""),
]

METHOD = fnv1a("game.Chat/say")
some = metadata([("traceparent", b"00-ab-cd-01")])
frames = [
    ("request", KIND["request"], u32(METHOD) + b"\x0a\x02hi", dict(to=B, frm=A, epoch=EPOCH, seq=1, remaining=10000)),
    ("request with metadata", KIND["request"], u32(METHOD) + some + b"\x0a\x02hi", dict(flags=METADATA, to=B, frm=A, epoch=EPOCH, seq=2, remaining=9999)),
    ("request without a deadline or payload", KIND["request"], u32(METHOD), dict(to=B, frm=A, epoch=EPOCH, seq=3)),
    ("reply", KIND["reply"], b"\x08\x01", dict(to=A, frm=B, epoch=EPOCH, seq=1)),
    ("reply that is empty", KIND["reply"], b"", dict(to=A, frm=B, epoch=EPOCH, seq=3)),
    ("reply with metadata", KIND["reply"], some + b"\x08\x01", dict(flags=METADATA, to=A, frm=B, epoch=EPOCH, seq=2)),
    ("error", KIND["error"], error("NOT_FOUND", -7, "no player 9", execution="ran"), dict(to=A, frm=B, epoch=EPOCH, seq=4)),
    ("cancel", KIND["cancel"], b"\x00", dict(to=B, frm=A, epoch=EPOCH, seq=4)),
    ("post", KIND["post"], u32(METHOD) + b"\x0a\x02hi", dict(to=B, frm=A, epoch=EPOCH, seq=5)),
    ("message", KIND["message"], u32(1001) + b"\x08\x05", dict(to=B, frm=A, epoch=EPOCH, seq=6)),
    ("bytes", KIND["bytes"], u32(0xBEEF) + b"raw", dict(to=B, frm=A, epoch=EPOCH, seq=0xFFFFFFFF)),
    ("ping", KIND["ping"], b"", dict(hops=0, to=B, frm=A, seq=1)),
    ("pong", KIND["pong"], b"", dict(hops=0, to=A, frm=B, seq=1)),
    ("refused", KIND["refused"], error("UNIMPLEMENTED", reason="the method has no handler there"), dict(to=A, frm=B, epoch=EPOCH, seq=7)),
    ("go-away", KIND["goAway"], u8(1) + bytes(3) + u32(7) + b"1.3.7 is closing", dict(hops=0, to=A, frm=B)),
    ("hop error", KIND["hopError"], error("UNAVAILABLE", reason="no route", path=["1.255.1"], execution="notRun"), dict(to=A, frm=FAR, epoch=EPOCH, seq=8)),
    ("gone", KIND["gone"], u32(FAR) + u32(8), dict(flags=IGNORABLE, hops=0, to=A, frm=HARBOR, epoch=EPOCH)),
    ("a kind of next year", 200, b"?", dict(flags=IGNORABLE, to=B, frm=A, epoch=EPOCH, seq=9)),
    ("from an anonymous tool", KIND["request"], u32(METHOD), dict(to=B, frm=0, epoch=1, seq=1, remaining=1)),
]


def fragments(name, kind, flags, body, cut, **header):
    parts = []
    for at in range(0, len(body), cut):
        head = u8(kind) + u8(flags) + bytes(2) + u32(len(body)) + u32(at)
        parts.append(frame(KIND["fragment"], head + body[at:at + cut], **header).hex())
    return {"name": name, "kind": kind, "flags": flags, "body": body.hex(), "frames": parts}


fragmented = [
    fragments("a request in four", KIND["request"], METADATA, u32(METHOD) + some + b"0123456789", 12, to=B, frm=A, epoch=EPOCH, seq=12, remaining=500),
    fragments("a reply in one", KIND["reply"], 0, b"whole", 5, to=A, frm=B, epoch=EPOCH, seq=12),
    fragments("bytes, one by one", KIND["bytes"], 0, u32(7) + b"x", 1, to=B, frm=A, epoch=EPOCH, seq=13),
]
abort = frame(KIND["fragment"], u8(KIND["request"]) + bytes(11), flags=ABORT, to=B, frm=A, epoch=EPOCH, seq=14).hex()


def shown(name, kind, body, header):
    h = {"flags": 0, "hops": 4, "to": 0, "from": 0, "epoch": 0, "seq": 0, "remainingMs": 0}
    h.update({{"frm": "from", "remaining": "remainingMs"}.get(k, k): v for k, v in header.items()})
    return {"name": name, "hex": frame(kind, body, **header).hex(), "header": {"kind": kind, **h}, "body": body.hex()}


names = ["", "a", "foobar", "game.Chat/say", "game.Chat/Say", "clusterts.health.v1.Health/Check", "größe", "🎲"]

vectors = {
    "about": "Golden vectors of the clusterts protocol, version 1 (docs/protocol.md). Bytes are hex, 64-bit numbers decimal text. Made by make.py.",
    "preface": PREFACE.hex(),
    "addresses": [{"text": t, "number": address(t)} for t in ["1.1.0", "1.2.1", "1.3.7", "1.255.1", "4095.254.4095", "4095.255.4095"]],
    "epochs": [{"incarnation": str(n), "epoch": epoch_of(n)} for n in [1, 7, 2**32, 2**32 - 1, 2**63, 2**64 - 1, INCARNATION]],
    "nameHashes": [{"name": n, "hash": fnv1a(n)} for n in names],
    "keyIds": [{"secret": secret, "id": ids[secret]} for secret in (OLD, NEW)],
    "hellos": [{"name": n, "hex": record(1, hello_body(h)).hex(), "fields": h} for n, h in hellos],
    "proofs": proofs,
    "refusals": [{"hex": record(4, u16(n) + t.encode()).hex(), "number": n, "reason": r, "text": t} for n, r, t in refusals],
    "waits": [{"hex": record(5, u32(ms)).hex(), "ms": ms} for ms in [0, 5000, 4294967295]],
    "openings": openings,
    "metadata": [{"name": n, "hex": metadata(e).hex(), "entries": [[k, v.hex()] for k, v in e]} for n, e in metadatas],
    "errors": [{"name": n, "hex": error(**e).hex(), "fields": {
        "code": e["code"], "appCode": e.get("app_code", 0), "reason": e.get("reason", ""),
        "details": e["details"].hex() if "details" in e else None, "path": e.get("path", []), "execution": e.get("execution"),
    }} for n, e in errors],
    "goAways": [{"hex": (u8(n) + bytes(3) + u32(seq) + t.encode()).hex(), "reason": r, "lastSeq": seq, "text": t} for r, n, seq, t in go_aways],
    "gones": [{"hex": (u32(t) + u32(seq)).hex(), "target": t, "lastSeq": seq} for t, seq in [(FAR, 0), (FAR, 4294967295), (B, 12)]],
    "frames": [shown(*f) for f in frames],
    "fragments": fragmented,
    "abort": abort,
}
print(json.dumps(vectors, indent=1, ensure_ascii=False))
