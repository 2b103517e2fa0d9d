//! What a key computes. Nothing here decides: usage, life and count have been checked.

use zeroize::Zeroizing;

use super::key::{Identity, Key};
use crate::{
    Algorithm, Error, PartitionType, Usage,
    crypto::{Material, Seed, hpke::Unsealed, kdf},
    signing,
};

const AEAD_LABEL: &[u8] = b"m2m-secure-environment/aead/v1\0";

pub(crate) fn sign(key: &Key, kind: &PartitionType, context: &str, message: &[u8]) -> Result<[u8; 64], Error> {
    let versions = key.versions();
    let Material::Ed25519(signer) = versions.newest() else { return Err(Error::NotPermitted(Usage::SIGN)) };
    signing::with_parts(kind, context, message, |parts| signer.sign(parts))
}

/// Ed25519 over the message as it is.
pub(crate) fn sign_raw(key: &Key, message: &[u8]) -> Result<[u8; 64], Error> {
    let versions = key.versions();
    let Material::Ed25519(signer) = versions.newest() else { return Err(Error::NotPermitted(Usage::SIGN_RAW)) };
    signer.sign(&[message])
}

/// Key version, nonce, ciphertext, tag.
pub(crate) fn encrypt(key: &Key, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    let versions = key.versions();
    let Material::ChaCha20Poly1305(cipher) = versions.newest() else {
        return Err(Error::NotPermitted(Usage::ENCRYPT));
    };
    let version = versions.number();
    let mut sealed = version.to_be_bytes().to_vec();
    cipher.seal_onto(&mut sealed, &associated_data(&key.identity, version, aad), plaintext)?;
    Ok(sealed)
}

pub(crate) fn decrypt(key: &Key, aad: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>, Error> {
    let versions = key.versions();
    let (version, sealed) = ciphertext.split_first_chunk::<4>().ok_or(Error::NotAuthentic)?;
    let version = u32::from_be_bytes(*version);
    let Material::ChaCha20Poly1305(cipher) = versions.get(version).ok_or(Error::NotAuthentic)? else {
        return Err(Error::NotPermitted(Usage::DECRYPT));
    };
    let mut plaintext = cipher.open(&associated_data(&key.identity, version, aad), sealed)?;
    Ok(std::mem::take(&mut *plaintext))
}

pub(crate) fn unseal(key: &Key, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Error> {
    // HPKE's format has no place for a version, so each is tried.
    for material in key.versions().all() {
        let Material::HpkeX25519(recipient) = material else { return Err(Error::NotPermitted(Usage::UNSEAL)) };
        if let Ok(plaintext) = recipient.unseal(info, aad, sealed) {
            return Ok(plaintext);
        }
    }
    Err(Error::NotAuthentic)
}

/// A sealed object, and what the reply key is exported under.
pub(crate) struct Sealed<'a> {
    pub(crate) info: &'a [u8],
    pub(crate) aad: &'a [u8],
    pub(crate) encapsulated: &'a [u8],
    pub(crate) ciphertext: &'a [u8],
    pub(crate) exporter_context: &'a [u8],
}

pub(crate) fn unseal_export(key: &Key, sealed: &Sealed<'_>) -> Result<Unsealed, Error> {
    let Sealed { info, aad, encapsulated, ciphertext, exporter_context } = *sealed;
    for material in key.versions().all() {
        let unsealed = match material {
            Material::HpkeX25519(key) => key.unseal_export(info, aad, encapsulated, ciphertext, exporter_context),
            Material::XWing(key) => key.unseal_export(info, aad, encapsulated, ciphertext, exporter_context),
            _ => return Err(Error::NotPermitted(Usage::UNSEAL_EXPORT)),
        };
        if unsealed.is_ok() {
            return unsealed;
        }
    }
    Err(Error::NotAuthentic)
}

/// The seed of an agreed key.
pub(crate) fn agree(key: &Key, peer: &[u8; 32], info: &[u8], algorithm: Algorithm) -> Result<Seed, Error> {
    let versions = key.versions();
    let Material::X25519(ours) = versions.newest() else { return Err(Error::NotPermitted(Usage::AGREE)) };
    let shared = ours.shared(peer)?;
    kdf::agreed(&shared, [&ours.public(), peer], algorithm, info)
}

/// The seed of a derived key.
pub(crate) fn derive(key: &Key, info: &[u8], algorithm: Algorithm) -> Result<Seed, Error> {
    let versions = key.versions();
    let Material::HmacSha256(root) = versions.newest() else { return Err(Error::NotPermitted(Usage::DERIVE)) };
    kdf::derived(&root.seed(), algorithm, info)
}

pub(crate) fn mac(key: &Key, message: &[u8]) -> Result<[u8; 32], Error> {
    let versions = key.versions();
    let Material::HmacSha256(key) = versions.newest() else { return Err(Error::NotPermitted(Usage::MAC)) };
    Ok(key.mac(&[message]))
}

/// By any version; how long it takes depends on their number and on nothing else.
pub(crate) fn verify_mac(key: &Key, message: &[u8], tag: &[u8; 32]) -> Result<bool, Error> {
    let mut verdict = subtle::Choice::from(0);
    for material in key.versions().all() {
        let Material::HmacSha256(key) = material else { return Err(Error::NotPermitted(Usage::MAC)) };
        verdict |= key.verify(&[message], tag);
    }
    Ok(verdict.into())
}

/// INVARIANT (a ciphertext belongs to its key): the caller's associated data comes after who owns the key, what it is called, and
/// which version it was. An agreed or derived key can be made again elsewhere, so it has no owner here.
fn associated_data(identity: &Identity, version: u32, aad: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut data = Zeroizing::new(AEAD_LABEL.to_vec());
    match identity {
        Identity::Named(name) => {
            data.push(1);
            data.extend_from_slice(name.0.as_bytes());
            // An alias has 64 bytes at most and no zero byte.
            data.extend_from_slice(name.1.as_bytes());
            data.push(0);
        }
        Identity::Unnamed => data.push(0),
    }
    data.extend_from_slice(&version.to_be_bytes());
    data.extend_from_slice(aad);
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PartitionId, store::KeyName};

    #[test]
    fn associated_data_names_the_key_and_its_version() {
        let named = Identity::Named(KeyName(PartitionId([0xaa; 16]), "box".to_owned()));
        let expected =
            [b"m2m-secure-environment/aead/v1\0\x01".as_slice(), &[0xaa; 16], b"box\0", &[0, 0, 0, 2], b"theirs"];
        assert_eq!(*associated_data(&named, 2, b"theirs"), expected.concat());
        let expected: [&[u8]; 3] = [b"m2m-secure-environment/aead/v1\0\x00", &[0, 0, 0, 1], b"theirs"];
        assert_eq!(*associated_data(&Identity::Unnamed, 1, b"theirs"), expected.concat());
    }
}
