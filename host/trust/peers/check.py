"""Checks our messages with programs that are not ours.

    check.py SAMPLES-BINARY CDDL-FOLDER

needs pycddl 0.6.4, cwt 3.3.0, pyhpke 0.6.5 and noiseprotocol 0.3.1 from PyPI. Exits 0 when every check passed.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import cbor2
import cwt
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from noise.connection import Keypair, NoiseConnection
from pycddl import Schema, ValidationError
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey

PROTOCOL = b"oM2M-NS/1"


def schemas(folder):
    """All rules together; each message is checked against its own as the first one.

    pycddl does not follow `.cbor` inside arrays, so what is embedded as a byte string is unfolded here, in the rules and
    in the messages alike; and it confuses the arguments of nested generic rules, so those are written out.
    """
    rules = "\n".join(path.read_text() for path in sorted(folder.glob("*.cddl"))).replace("bstr .cbor ", "")
    rules = re.sub(r";.*", "", rules)
    for name, parameters, body in re.findall(r"^(signed-by-[a-z-]+)<([a-z, ]+)> = (\[.*?^\])", rules, re.M | re.S):
        rules = rules.replace(f"{name}<{parameters}> = {body}", "")
        call = re.compile(name + r"<(\d+), ([a-z-]+|\{.*?\})>", re.S)
        rules = call.sub(lambda match: re.sub(r"\bpayload$|(?<=: )payload\b", lambda _: match[2],
                                              body.replace("type", match[1]), flags=re.M), rules)
    return lambda rule: Schema(f"start = {rule}\n{rules}")


def embedded(inner=None):
    return ("bstr", inner or {})


def signed(payload=None):
    return {0: embedded(), 2: embedded(payload)}


# Where CBOR is embedded: by key or index, `*` for every item.
EMBEDDED = {
    "initialization": {3: embedded(signed()), 4: embedded(signed())},
    "enrolment-request": signed({4: embedded(signed()), 5: {273: {0: {1: embedded()}}}, 7: embedded(signed())}),
    "enrolment-reply": signed({3: embedded(signed())}),
    "authorization-request": {1: embedded(), 4: embedded()},
    "proof-query": signed({1: embedded(), 2: embedded()}),
    "authorization-reply": signed({3: {"*": embedded()}}),
    "broadcast-with-certificate": {0: embedded({13: signed()}), 2: embedded()},
    "block": signed({4: embedded(signed())}),
    "report": {1: embedded(signed()), 2: {"*": {1: embedded(signed())}}},
    "sealed": {},
    "sealed-x-wing": {},
    "sealed-reply": {},
    "clock-floor": {},
}


def unfold(item, where):
    if isinstance(where, tuple):
        return unfold(cbor2.loads(item), where[1])
    if not where:
        return item
    pairs = item.items() if isinstance(item, dict) else enumerate(item)
    unfolded = {key: unfold(value, where.get(key, where.get("*", {}))) for key, value in pairs}
    return unfolded if isinstance(item, dict) else list(unfolded.values())


def check_cddl(samples, index, schema):
    for name, rule in index["messages"].items():
        message = (samples / f"{name}.cbor").read_bytes()
        unfolded = cbor2.dumps(unfold(cbor2.loads(message), EMBEDDED.get(rule, signed())))
        schema(rule).validate_cbor(unfolded)
        other = "revocation-order" if rule != "revocation-order" else "block"
        must_fail(f"{name} as {other}", ValidationError, lambda: schema(other).validate_cbor(unfolded))
        print(f"ok cddl {name} is {rule}, {len(message)} B")


def check_signatures(samples, index):
    """Certificate, and a broadcast in both forms, by `cwt`."""
    domain, topic = bytes.fromhex(index["domain"]), bytes.fromhex(index["topic"])
    keys = {name: bytes.fromhex(index[name]) for name in ("aa", "pseudonym")}
    certificate = (samples / "certificate.cbor").read_bytes()
    claims = cbor2.loads(verified(certificate, keys["aa"], PROTOCOL + domain))
    assert claims[8][1][-2].hex() == index["pseudonym"], "the certificate is for the pseudonym's key"
    must_fail("certificate in another domain", cwt.VerifyError,
              lambda: verified(certificate, keys["aa"], PROTOCOL + bytes(16)))
    for name in ("broadcast-with-certificate", "broadcast-with-digest"):
        message = (samples / f"{name}.cbor").read_bytes()
        payload = cbor2.loads(verified(message, keys["pseudonym"], PROTOCOL + domain + topic))
        assert payload[0] == b"17 l/min"
        must_fail(f"{name} under another topic", cwt.VerifyError,
                  lambda: verified(message, keys["pseudonym"], PROTOCOL + domain + b"other"))
        print(f"ok cwt {name}")
    shown = cbor2.loads(cbor2.loads((samples / "broadcast-with-certificate.cbor").read_bytes())[0])[13]
    assert cbor2.dumps(shown) == certificate, "the certificate in the header is the certificate"
    print("ok cwt certificate")


def verified(message, key, external_aad):
    """The payload. Ours are untagged; cwt wants tag 18."""
    header = cbor2.loads(cbor2.loads(message)[0])
    key = cwt.COSEKey.new({1: 1, -1: 6, -2: key, 3: -19} | ({2: header[4]} if 4 in header else {}))
    return cwt.COSE.new().decode(b"\xd2" + message, [key], external_aad=external_aad)


def check_hpke(samples, index):
    """The enrolment request opens, and both sides export the same key for the reply."""
    suite = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.CHACHA20_POLY1305)
    private = suite.kem.deserialize_private_key(bytes.fromhex(index["mef private"]))
    version, recipient, encapsulated, ciphertext = cbor2.loads((samples / "enrolment-request.sealed.cbor").read_bytes())
    context = suite.create_recipient_context(encapsulated, private, info=b"oM2M-NS/1 enrolment mef")
    padded = context.open(ciphertext, aad=cbor2.dumps([version, recipient, b""]))
    assert unpadded(padded) == (samples / "enrolment-request.cbor").read_bytes()
    reply_key = context.export(b"oM2M-NS/1 reply key", 32)
    assert reply_key.hex() == index["enrolment reply key"]
    nonce, ciphertext = cbor2.loads((samples / "enrolment-reply.sealed.cbor").read_bytes())
    reply = unpadded(ChaCha20Poly1305(reply_key).decrypt(nonce, ciphertext, b"enrolment"))
    assert reply == (samples / "enrolment-reply.cbor").read_bytes()
    print("ok pyhpke enrolment request and reply")


def unpadded(padded):
    content = padded.rstrip(b"\0")
    assert content.endswith(b"\x80")
    return content[:-1]


def padded(content):
    bucket = next(size for size in (64, 128, 256, 512, 1024) if len(content) < size)
    return content + b"\x80" + bytes(bucket - len(content) - 1)


def check_noise(binary, samples):
    """`noiseprotocol` answers our initiator and gets the same hash of the handshake."""
    process = subprocess.Popen([binary, samples, "handshake"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def hear():
        return bytes.fromhex(process.stdout.readline().strip())

    def say(message):
        process.stdin.write(message.hex() + "\n")
        process.stdin.flush()

    private, certificate, prologue, opening = hear(), hear(), hear(), cbor2.loads(hear())
    noise = NoiseConnection.from_name(b"Noise_XX_25519_ChaChaPoly_SHA256")
    noise.set_as_responder()
    noise.set_prologue(prologue)
    noise.set_keypair_from_private_bytes(Keypair.STATIC, private)
    noise.start_handshake()
    noise.read_message(opening[5])
    say(cbor2.dumps([2, opening[1], bytes(noise.write_message(padded(certificate)))]))
    kind, association, confirmation = cbor2.loads(hear())
    shown = unpadded(bytes(noise.read_message(confirmation)))
    assert (kind, association) == (3, opening[1]) and shown != certificate
    assert noise.handshake_finished and noise.get_handshake_hash() == hear()
    _, _, counter, ciphertext = cbor2.loads(hear())
    assert counter == 0 and unpadded(bytes(noise.decrypt(ciphertext))) == b"hello"
    say(cbor2.dumps([4, association, 0, bytes(noise.encrypt(padded(b"hello yourself")))]))
    assert hear() == b"hello yourself" and process.wait(10) == 0
    print("ok noiseprotocol XX, equal handshake hash, messages both ways")


def must_fail(what, error, call):
    try:
        call()
    except error:
        return
    raise AssertionError(f"{what}: expected to be refused")


def main():
    binary, cddl = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([binary, folder], check=True)
        samples = pathlib.Path(folder)
        index = json.loads((samples / "index.json").read_text())
        check_cddl(samples, index, schemas(cddl))
        check_signatures(samples, index)
        check_hpke(samples, index)
        check_noise(binary, folder)


if __name__ == "__main__":
    main()
