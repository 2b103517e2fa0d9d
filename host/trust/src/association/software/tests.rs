use x25519_dalek::{PublicKey, StaticSecret};

use super::*;
use crate::keys::KeyUnavailable;

struct Key(StaticSecret);

impl Agreement for Key {
    fn public_key(&self) -> AgreementKey {
        AgreementKey(PublicKey::from(&self.0).to_bytes())
    }

    fn agree(&self, peer: &AgreementKey) -> Result<Zeroizing<[u8; 32]>, KeyUnavailable> {
        Ok(Zeroizing::new(self.0.diffie_hellman(&peer.0.into()).to_bytes()))
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn hex32(text: &str) -> [u8; 32] {
    hex(text).try_into().unwrap()
}

fn side(role: NoiseRole, own: &str, ephemeral: &str) -> Software {
    let own = Arc::new(Key(StaticSecret::from(hex32(own))));
    Software::begin(own, Zeroizing::new(hex32(ephemeral)), role, b"John Galt").unwrap()
}

fn sides() -> (Software, Software) {
    let initiator = side(
        NoiseRole::Initiator,
        "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
        "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
    );
    let responder = side(
        NoiseRole::Responder,
        "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
        "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
    );
    (initiator, responder)
}

/// The vector of the cacophony library for this pattern and suite.
#[test]
fn a_handshake_of_another_implementation_comes_out_the_same() {
    let (mut initiator, mut responder) = sides();
    let payloads: [&[u8]; 3] = [b"Ludwig von Mises", b"Murray Rothbard", b"F. A. Hayek"];
    let messages = [
        "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d69736573",
        concat!(
            "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f14480884381cbad1f276e038c48378ffce2b65285",
            "e08d6b68aaa3629a5a8639392490e5b9bd5269c2f1e4f488ed8831161f19b7815528f8982ffe09be9b5c412f8a0db50f",
            "8814c7194e83f23dbd8d162c9326ad",
        ),
        concat!(
            "c7195ffacac1307ff99046f219750fc47693e23c3cb08b89c2af808b444850a80ae475b9df0f169ae80a89be0865b57f",
            "58c9fea0d4ec82a286427402f113e4b6ae769a1d95941d49b25030",
        ),
    ];
    for (turn, (payload, message)) in payloads.into_iter().zip(messages).enumerate() {
        let (from, to) = if turn == 1 { (&mut responder, &mut initiator) } else { (&mut initiator, &mut responder) };
        assert_eq!(from.write(payload).unwrap(), hex(message));
        assert_eq!(to.read(&hex(message)).unwrap(), payload);
    }
    assert_eq!(initiator.remote_static().unwrap(), responder_key());
    let (mut initiator, hash) = initiator.finish().unwrap();
    let (mut responder, same) = responder.finish().unwrap();
    assert_eq!(hash.0, hex32("c8e5f64e846193be2a834104c2a009868d6c9f3bd3c186299888b488b2f1f58e"));
    assert_eq!(hash, same);
    // The vector's transport goes on with the responder.
    let message = hex("96763ed773f8e47bb3712f0e29b3060ffc956ffc146cee53d5e1df");
    assert_eq!(responder.seal(b"Carl Menger").unwrap(), (0, message.clone()));
    assert_eq!(initiator.open(0, &message).unwrap(), b"Carl Menger");
    let message = hex("3e40f15f6f3a46ae446b253bf8b1d9ffb6ed9b174d272328ff91a7e2e5c79c07f5");
    assert_eq!(initiator.seal(b"Jean-Baptiste Say").unwrap(), (0, message.clone()));
    assert_eq!(responder.open(0, &message).unwrap(), b"Jean-Baptiste Say");
    assert_eq!(responder.open(1, &message), Err(NoiseError::NotAuthentic), "another counter");
    assert_eq!(initiator.open(0, &message), Err(NoiseError::NotAuthentic), "back to who sent it");
}

fn responder_key() -> AgreementKey {
    let secret = StaticSecret::from(hex32("4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893"));
    AgreementKey(PublicKey::from(&secret).to_bytes())
}

#[test]
fn secrets_lie_in_the_vault_and_nowhere_in_what_snow_holds_and_are_gone_at_the_end() {
    let (mut initiator, mut responder) = sides();
    let opening = initiator.write(b"").unwrap();
    responder.read(&opening).unwrap();
    let answer = responder.write(b"").unwrap();
    initiator.read(&answer).unwrap();
    // ee: made here from both ephemeral keys, and kept under a name.
    let ephemeral = StaticSecret::from(hex32("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a"));
    let peer = StaticSecret::from(hex32("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"));
    let shared = ephemeral.diffie_hellman(&PublicKey::from(&peer));
    assert!(initiator.vault.holds(shared.as_bytes()));
    let confirmation = initiator.write(b"").unwrap();
    responder.read(&confirmation).unwrap();
    for side in [initiator, responder] {
        let vault = Arc::clone(&side.vault);
        // Three agreements, and two outputs for each of them and for the end.
        assert_eq!(vault.len(), 3 + 4 * 2);
        let (_transport, _) = side.finish().unwrap();
        assert_eq!(vault.len(), 0);
    }
}

#[test]
fn what_is_not_due_is_refused() {
    let (mut initiator, mut responder) = sides();
    assert_eq!(initiator.read(b""), Err(NoiseError::OutOfTurn));
    assert_eq!(responder.write(b""), Err(NoiseError::OutOfTurn));
    assert_eq!(initiator.write(&vec![0; 65_440]), Err(NoiseError::TooLarge));
    assert_eq!(initiator.finish().map(|_| ()), Err(NoiseError::OutOfTurn));
}
