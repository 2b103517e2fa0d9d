//! Keys by handle for one AE: the Secure Environment's operations, each behind its permit.

use m2m_policy::KeyGrant;
use m2m_secure_environment::{self as se, KeyHandle, Partition};

use crate::capability::operation::{Aliases, Generate, KeyName, MakeChild, Random, Seal, Stateless, Use, Verify, verb};
use crate::capability::{NO_WAIT_HELPS, Permit, Refusal};

/// What a guest's handle stands for.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "the generated bindings name it")]
pub struct Key {
    pub(crate) name: KeyName,
    handle: KeyHandle,
    /// Its uses are counted on disk.
    is_counted: bool,
}

/// One AE's partition of the Secure Environment.
#[derive(Debug, Clone)]
pub(crate) struct Security {
    partition: Partition,
}

type Answer<T> = Result<T, Refusal>;

impl Security {
    pub(crate) fn new(partition: Partition) -> Self {
        Self { partition }
    }

    /// Waits for the disk where the key is persistent.
    pub(crate) fn generate(&self, permit: &Permit<Generate<'_>>, mut template: se::Template) -> Answer<Key> {
        let alias = permit.operation().alias;
        let grant = permit.rule().keys().ok_or(Refusal::NotFound)?;
        if !usage(grant.operations.usage()).contains(template.usage) {
            return Err(Refusal::Invalid(format!("a usage within what the capability file allows the key `{alias}`")));
        }
        self.check_count(grant, alias)?;
        template.child = grant.child.map(child_policy);
        let handle = blocking(|| self.partition.generate(alias, &template)).map_err(refusal)?;
        let name = KeyName { alias: alias.into(), child: false };
        Ok(Key { name, handle, is_counted: template.max_uses.is_some() })
    }

    fn check_count(&self, grant: &KeyGrant, alias: &str) -> Answer<()> {
        let aliases = self.partition.aliases().map_err(refusal)?;
        let others = aliases.iter().filter(|other| grant.covers_alias(other) && *other != alias).count();
        if others < grant.max_keys { Ok(()) } else { Err(Refusal::Exhausted { retry_ms: NO_WAIT_HELPS }) }
    }

    pub(crate) fn open(&self, permit: &Permit<Use<'_, verb::Open>>) -> Answer<Key> {
        let name = permit.operation().key();
        let handle = self.partition.open(&name.alias).map_err(refusal)?;
        let is_counted = handle.attributes().map_err(refusal)?.template.max_uses.is_some();
        Ok(Key { name: name.clone(), handle, is_counted })
    }

    /// Those of them that the capability file names; sorted.
    pub(crate) fn aliases(&self, permit: &Permit<Aliases>) -> Answer<Vec<String>> {
        let mut aliases = self.partition.aliases().map_err(refusal)?;
        aliases.retain(|alias| permit.policy().key_rights(alias, false).is_some());
        Ok(aliases)
    }

    pub(crate) fn verify(&self, _permit: &Permit<Stateless<Verify>>, signed: &Signed<'_>) -> Answer<bool> {
        let public_key = array(signed.public_key, "a public key of 32 bytes")?;
        let signature = array(signed.signature, "a signature of 64 bytes")?;
        self.partition.verify(&public_key, signed.context, signed.message, &signature).map_err(refusal)
    }

    pub(crate) fn seal(
        &self,
        _permit: &Permit<Stateless<Seal>>,
        public_key: &[u8],
        info: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Answer<Vec<u8>> {
        let public_key = array(public_key, "a public key of 32 bytes")?;
        self.partition.seal(&public_key, info, aad, plaintext).map_err(refusal)
    }

    pub(crate) fn random(&self, _permit: &Permit<Stateless<Random>>, bytes: u32) -> Answer<Vec<u8>> {
        self.partition.random(bytes).map_err(refusal)
    }

    pub(crate) fn attributes(&self, _permit: &Permit<Use<'_, verb::Attributes>>, key: &Key) -> Answer<se::Attributes> {
        key.handle.attributes().map_err(refusal)
    }

    pub(crate) fn public_key(&self, _permit: &Permit<Use<'_, verb::PublicKey>>, key: &Key) -> Answer<Vec<u8>> {
        key.handle.public_key().map(Vec::from).map_err(refusal)
    }

    pub(crate) fn sign(
        &self,
        _permit: &Permit<Use<'_, verb::Sign>>,
        key: &Key,
        context: &str,
        message: &[u8],
    ) -> Answer<Vec<u8>> {
        key.using(|handle| handle.sign(context, message)).map(Vec::from).map_err(refusal)
    }

    pub(crate) fn encrypt(
        &self,
        _permit: &Permit<Use<'_, verb::Encrypt>>,
        key: &Key,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Answer<Vec<u8>> {
        key.using(|handle| handle.encrypt(aad, plaintext)).map_err(refusal)
    }

    pub(crate) fn decrypt(
        &self,
        _permit: &Permit<Use<'_, verb::Decrypt>>,
        key: &Key,
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Answer<Vec<u8>> {
        key.using(|handle| handle.decrypt(aad, ciphertext)).map_err(refusal)
    }

    pub(crate) fn unseal(
        &self,
        _permit: &Permit<Use<'_, verb::Unseal>>,
        key: &Key,
        info: &[u8],
        aad: &[u8],
        sealed: &[u8],
    ) -> Answer<Vec<u8>> {
        key.using(|handle| handle.unseal(info, aad, sealed)).map_err(refusal)
    }

    pub(crate) fn agree(
        &self,
        _permit: &Permit<MakeChild<'_, verb::Agree>>,
        key: &Key,
        peer: &[u8],
        info: &[u8],
        template: &se::Template,
    ) -> Answer<Key> {
        let peer = array(peer, "a peer's public key of 32 bytes")?;
        key.child(template, key.using(|handle| handle.agree(&peer, info, template)))
    }

    pub(crate) fn derive(
        &self,
        _permit: &Permit<MakeChild<'_, verb::Derive>>,
        key: &Key,
        info: &[u8],
        template: &se::Template,
    ) -> Answer<Key> {
        key.child(template, key.using(|handle| handle.derive(info, template)))
    }

    pub(crate) fn mac(&self, _permit: &Permit<Use<'_, verb::Mac>>, key: &Key, message: &[u8]) -> Answer<Vec<u8>> {
        key.using(|handle| handle.mac(message)).map(Vec::from).map_err(refusal)
    }

    pub(crate) fn verify_mac(
        &self,
        _permit: &Permit<Use<'_, verb::VerifyMac>>,
        key: &Key,
        message: &[u8],
        tag: &[u8],
    ) -> Answer<bool> {
        let tag = array(tag, "a tag of 32 bytes")?;
        key.using(|handle| handle.verify_mac(message, &tag)).map_err(refusal)
    }

    pub(crate) fn rotate(&self, _permit: &Permit<Use<'_, verb::Rotate>>, key: &Key) -> Answer<u32> {
        blocking(|| key.handle.rotate()).map_err(refusal)
    }

    pub(crate) fn destroy(&self, _permit: &Permit<Use<'_, verb::Destroy>>, key: &Key) -> Answer<()> {
        blocking(|| key.handle.destroy()).map_err(refusal)
    }

    pub(crate) fn attest(&self, _permit: &Permit<Use<'_, verb::Attest>>, key: &Key, nonce: &[u8]) -> Answer<Vec<u8>> {
        key.using(|handle| handle.attest(nonce)).map_err(refusal)
    }
}

/// A signature and what it is said to be over.
pub(crate) struct Signed<'a> {
    pub(crate) public_key: &'a [u8],
    pub(crate) context: &'a str,
    pub(crate) message: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl Key {
    fn child(&self, template: &se::Template, made: Result<KeyHandle, se::Error>) -> Answer<Self> {
        let name = KeyName { child: true, ..self.name.clone() };
        let is_counted = template.max_uses.is_some();
        made.map(|handle| Self { name, handle, is_counted }).map_err(refusal)
    }

    /// Out of the way of other tasks where the use itself waits for the disk.
    fn using<T>(&self, act: impl FnOnce(&KeyHandle) -> T) -> T {
        if self.is_counted { blocking(|| act(&self.handle)) } else { act(&self.handle) }
    }
}

fn child_policy(grant: m2m_policy::ChildGrant) -> se::ChildPolicy {
    se::ChildPolicy {
        algorithms: grant.algorithms.iter().map(algorithm).collect(),
        usage: usage(grant.operations.usage()),
    }
}

/// The same word in the Secure Environment.
pub(crate) fn algorithm(algorithm: m2m_policy::Algorithm) -> se::Algorithm {
    match algorithm {
        m2m_policy::Algorithm::Ed25519 => se::Algorithm::Ed25519,
        m2m_policy::Algorithm::X25519 => se::Algorithm::X25519,
        m2m_policy::Algorithm::HpkeX25519 => se::Algorithm::HpkeX25519,
        m2m_policy::Algorithm::ChaCha20Poly1305 => se::Algorithm::ChaCha20Poly1305,
        m2m_policy::Algorithm::HmacSha256 => se::Algorithm::HmacSha256,
    }
}

/// The same flags in the Secure Environment.
pub(crate) fn usage(usage: m2m_policy::Usage) -> se::Usage {
    use m2m_policy::KeyUsage;
    let flag = |flag| match flag {
        KeyUsage::Sign => se::Usage::SIGN,
        KeyUsage::Encrypt => se::Usage::ENCRYPT,
        KeyUsage::Decrypt => se::Usage::DECRYPT,
        KeyUsage::Unseal => se::Usage::UNSEAL,
        KeyUsage::Agree => se::Usage::AGREE,
        KeyUsage::Derive => se::Usage::DERIVE,
        KeyUsage::Mac => se::Usage::MAC,
        KeyUsage::Rotate => se::Usage::ROTATE,
        KeyUsage::Destroy => se::Usage::DESTROY,
        KeyUsage::Attest => se::Usage::ATTEST,
    };
    usage.iter().map(flag).fold(se::Usage::NONE, |all, flag| all | flag)
}

fn array<const N: usize>(bytes: &[u8], expected: &str) -> Answer<[u8; N]> {
    bytes.try_into().map_err(|_| Refusal::Invalid(format!("expected {expected}, got {}", bytes.len())))
}

/// For what waits for the disk: lets the other tasks of this thread go elsewhere meanwhile.
fn blocking<T>(act: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(act)
}

fn refusal(error: se::Error) -> Refusal {
    match error {
        se::Error::NotFound => Refusal::NotFound,
        se::Error::Exhausted { retry_ms } => Refusal::Exhausted { retry_ms },
        // No wait helps here: a key has to be made anew, or another one ended.
        se::Error::UsesExhausted | se::Error::Limit(_) => Refusal::Exhausted { retry_ms: NO_WAIT_HELPS },
        se::Error::TooLarge { max_bytes } => Refusal::TooLarge { max_bytes },
        se::Error::Unavailable(why) => Refusal::Unavailable(why.into_owned()),
        other => Refusal::Invalid(other.to_string()),
    }
}
