//! Cryptography by key handle (`keys` in the WIT). Key material stays in the node's Secure Environment.
//!
//! ```
//! # use m2m_guest_sdk::{Result, keys::{self, Template}};
//! # fn example() -> Result<()> {
//! let key = keys::open_or_generate("meter-id", Template::ed25519())?;
//! let signature = key.sign("metering/reading", b"100.59")?;
//! assert!(keys::verify(&key.public_key()?, "metering/reading", b"100.59", &signature)?);
//! # Ok(()) }
//! ```

use crate::{Error, Result, wit::m2m::node::keys};

pub use crate::wit::m2m::node::keys::{Algorithm, Attributes, Origin, ProtectionLevel, Usage};

/// The raw public key of Ed25519 (RFC 8032) or X25519 (RFC 7748).
pub type PublicKey = [u8; 32];

/// An Ed25519 signature (RFC 8032).
pub type Signature = [u8; 64];

/// An HMAC-SHA256 tag (RFC 2104).
pub type Tag = [u8; 32];

/// What a new key is to be: an algorithm and its usual usage, narrowed or widened by the methods below.
#[derive(Debug, Clone, Copy)]
pub struct Template(keys::Template);

impl Template {
    /// For `algorithm`, used for `usage`, persistent, without an end.
    pub const fn new(algorithm: Algorithm, usage: Usage) -> Self {
        Template(keys::Template { algorithm, usage, persistent: true, not_after: None, max_uses: None })
    }

    /// Signs.
    pub const fn ed25519() -> Self {
        Self::new(Algorithm::Ed25519, Usage::SIGN)
    }

    /// Agrees on keys with a peer.
    pub const fn x25519() -> Self {
        Self::new(Algorithm::X25519, Usage::AGREE)
    }

    /// Unseals what others sealed to its public key.
    pub const fn hpke_x25519() -> Self {
        Self::new(Algorithm::HpkeX25519, Usage::UNSEAL)
    }

    /// Encrypts and decrypts.
    pub const fn chacha20_poly1305() -> Self {
        Self::new(Algorithm::Chacha20Poly1305, Usage::ENCRYPT.union(Usage::DECRYPT))
    }

    /// Authenticates messages.
    pub const fn hmac_sha256() -> Self {
        Self::new(Algorithm::HmacSha256, Usage::MAC)
    }

    /// Used for this too.
    pub const fn and(mut self, usage: Usage) -> Self {
        self.0.usage = self.0.usage.union(usage);
        self
    }

    /// Gone with the instance.
    pub const fn ephemeral(mut self) -> Self {
        self.0.persistent = false;
        self
    }

    /// Ends at `seconds` since 1970.
    pub const fn not_after(mut self, seconds: u64) -> Self {
        self.0.not_after = Some(seconds);
        self
    }

    /// Used at most `uses` times in all.
    pub const fn max_uses(mut self, uses: u64) -> Self {
        self.0.max_uses = Some(uses);
        self
    }
}

/// A handle for a key of this entity, good as long as the instance. Dropping it closes the handle, not the key.
#[derive(Debug)]
pub struct Key(keys::Key);

impl Key {
    /// What the key is.
    pub fn attributes(&self) -> Result<Attributes> {
        Ok(self.0.attributes()?)
    }

    /// [`Error::Invalid`] for a symmetric key.
    pub fn public_key(&self) -> Result<PublicKey> {
        exactly(self.0.public_key()?)
    }

    /// Ed25519. `context` (at most 255 bytes) names what is signed, so that a signature given for one purpose is worthless
    /// for another.
    pub fn sign(&self, context: &str, message: &[u8]) -> Result<Signature> {
        exactly(self.0.sign(context, message)?)
    }

    /// ChaCha20-Poly1305. Key version, nonce and ciphertext in one.
    pub fn encrypt(&self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        Ok(self.0.encrypt(aad, plaintext)?)
    }

    /// Opens what [`encrypt`](Self::encrypt) gave; [`Error::Invalid`] when it is not authentic.
    pub fn decrypt(&self, aad: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>> {
        Ok(self.0.decrypt(aad, ciphertext)?)
    }

    /// Opens what [`seal`] gave; [`Error::Invalid`] when it is not authentic.
    pub fn unseal(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        Ok(self.0.unseal(info, aad, sealed)?)
    }

    /// X25519 with `peer`, then HKDF over `info`: a key of this instance, never bytes.
    pub fn agree(&self, peer: &PublicKey, info: &[u8], template: Template) -> Result<Key> {
        Ok(Key(self.0.agree(peer, info, template.0)?))
    }

    /// HKDF over `info`.
    pub fn derive(&self, info: &[u8], template: Template) -> Result<Key> {
        Ok(Key(self.0.derive(info, template.0)?))
    }

    /// HMAC-SHA256.
    pub fn mac(&self, message: &[u8]) -> Result<Tag> {
        exactly(self.0.mac(message)?)
    }

    /// Compares in constant time.
    pub fn verify_mac(&self, message: &[u8], tag: &[u8]) -> Result<bool> {
        Ok(self.0.verify_mac(message, tag)?)
    }

    /// Makes a new version and gives its number. Old versions verify and decrypt only.
    pub fn rotate(&self) -> Result<u32> {
        Ok(self.0.rotate()?)
    }

    /// Ends the key, in all versions, for good.
    pub fn destroy(self) -> Result<()> {
        Ok(self.0.destroy()?)
    }

    /// A signed statement about this key, the entity's component and the state the key is bound to.
    pub fn attest(&self, nonce: &[u8]) -> Result<Vec<u8>> {
        Ok(self.0.attest(nonce)?)
    }
}

/// Makes a key. An alias that exists is [`Error::Invalid`].
pub fn generate(alias: &str, template: Template) -> Result<Key> {
    Ok(Key(keys::generate(alias, template.0)?))
}

/// A handle for the key `alias` of this entity.
pub fn open(alias: &str) -> Result<Key> {
    Ok(Key(keys::open(alias)?))
}

/// The key `alias`, made by `template` where there is none yet. An existing key keeps what it was made with.
pub fn open_or_generate(alias: &str, template: Template) -> Result<Key> {
    match open(alias) {
        Err(Error::NotFound) => generate(alias, template),
        opened => opened,
    }
}

/// The aliases that could be opened now, sorted.
pub fn aliases() -> Result<Vec<String>> {
    Ok(keys::aliases()?)
}

/// Strict Ed25519 verification of what [`Key::sign`] gave under the same `context`.
pub fn verify(public_key: &[u8], context: &str, message: &[u8], signature: &[u8]) -> Result<bool> {
    Ok(keys::verify(public_key, context, message, signature)?)
}

/// HPKE base mode (RFC 9180) to a `hpke-x25519` key: the encapsulated key (32 bytes), then the ciphertext.
pub fn seal(public_key: &PublicKey, info: &[u8], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    Ok(keys::seal(public_key, info, aad, plaintext)?)
}

/// Random bytes, at most 1,024 a call.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    exactly(keys::random(u32::try_from(N).unwrap_or(u32::MAX))?)
}

fn exactly<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N]> {
    let length = bytes.len();
    <[u8; N]>::try_from(bytes).map_err(|_| Error::Payload(format!("the node gave {length} bytes, not {N}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_what_its_methods_said() {
        let Template(plain) = Template::chacha20_poly1305();
        assert_eq!(plain.usage, Usage::ENCRYPT | Usage::DECRYPT);
        assert!(plain.persistent);
        assert_eq!((plain.not_after, plain.max_uses), (None, None));

        let Template(narrow) = Template::ed25519().and(Usage::ROTATE).ephemeral().not_after(9).max_uses(3);
        assert_eq!(narrow.usage, Usage::SIGN | Usage::ROTATE);
        assert!(!narrow.persistent);
        assert_eq!((narrow.not_after, narrow.max_uses), (Some(9), Some(3)));
    }

    #[test]
    fn a_result_of_the_wrong_length_is_no_result() {
        assert_eq!(exactly::<2>(vec![1, 2]), Ok([1, 2]));
        assert_eq!(exactly::<2>(vec![1]), Err(Error::Payload("the node gave 1 bytes, not 2".to_owned())));
    }
}
