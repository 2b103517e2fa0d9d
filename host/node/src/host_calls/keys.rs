//! `wit/keys.wit`.

use m2m_secure_environment as se;
use wasmtime::component::Resource;

use super::{AeState, CallResult};
use crate::bindings::m2m::node::keys::{self, Attributes, Template, Usage};
use crate::capability::operation::{Aliases, Generate, KeyName, MakeChild, Stateless, Use, verb};
use crate::capability::{CallError, Refusal};
use crate::services::security::{self, Key, Signed};

/// Permit first, then the service: `use_key!(self, key, verb::Sign, |security, permit, key| …)`.
macro_rules! use_key {
    ($self:ident, $key:ident, $verb:ty, |$security:ident, $permit:ident, $held:ident| $act:expr) => {{
        let name = $self.key(&$key)?.name.clone();
        let $permit = $self.mediator.mediate(Use::<$verb>::of(&name))?;
        let ($security, $held) = (&$self.services.security, $self.key(&$key)?);
        Ok($act?)
    }};
}

impl keys::HostKey for AeState {
    async fn attributes(&mut self, key: Resource<Key>) -> CallResult<Attributes> {
        let attributes: CallResult<_> =
            use_key!(self, key, verb::Attributes, |security, permit, key| security.attributes(&permit, key));
        Ok(attributes?.try_into()?)
    }

    async fn public_key(&mut self, key: Resource<Key>) -> CallResult<Vec<u8>> {
        use_key!(self, key, verb::PublicKey, |security, permit, key| security.public_key(&permit, key))
    }

    async fn sign(&mut self, key: Resource<Key>, context: String, message: Vec<u8>) -> CallResult<Vec<u8>> {
        use_key!(self, key, verb::Sign, |security, permit, key| security.sign(&permit, key, &context, &message))
    }

    async fn encrypt(&mut self, key: Resource<Key>, aad: Vec<u8>, plaintext: Vec<u8>) -> CallResult<Vec<u8>> {
        use_key!(self, key, verb::Encrypt, |security, permit, key| security.encrypt(&permit, key, &aad, &plaintext))
    }

    async fn decrypt(&mut self, key: Resource<Key>, aad: Vec<u8>, ciphertext: Vec<u8>) -> CallResult<Vec<u8>> {
        use_key!(self, key, verb::Decrypt, |security, permit, key| security.decrypt(&permit, key, &aad, &ciphertext))
    }

    async fn unseal(
        &mut self,
        key: Resource<Key>,
        info: Vec<u8>,
        aad: Vec<u8>,
        sealed: Vec<u8>,
    ) -> CallResult<Vec<u8>> {
        use_key!(self, key, verb::Unseal, |security, permit, key| security.unseal(&permit, key, &info, &aad, &sealed))
    }

    async fn agree(
        &mut self,
        key: Resource<Key>,
        peer: Vec<u8>,
        info: Vec<u8>,
        template: Template,
    ) -> CallResult<Resource<Key>> {
        let name = self.key(&key)?.name.clone();
        let template = NewKey::from(template);
        let operation = MakeChild::<verb::Agree>::of(&name, template.algorithm, template.usage);
        let permit = self.mediator.mediate(operation)?;
        let child = self.services.security.agree(&permit, self.key(&key)?, &peer, &info, &template.for_se())?;
        self.hand_out(child)
    }

    async fn derive(&mut self, key: Resource<Key>, info: Vec<u8>, template: Template) -> CallResult<Resource<Key>> {
        let name = self.key(&key)?.name.clone();
        let template = NewKey::from(template);
        let operation = MakeChild::<verb::Derive>::of(&name, template.algorithm, template.usage);
        let permit = self.mediator.mediate(operation)?;
        let child = self.services.security.derive(&permit, self.key(&key)?, &info, &template.for_se())?;
        self.hand_out(child)
    }

    async fn mac(&mut self, key: Resource<Key>, message: Vec<u8>) -> CallResult<Vec<u8>> {
        use_key!(self, key, verb::Mac, |security, permit, key| security.mac(&permit, key, &message))
    }

    async fn verify_mac(&mut self, key: Resource<Key>, message: Vec<u8>, tag: Vec<u8>) -> CallResult<bool> {
        use_key!(self, key, verb::VerifyMac, |security, permit, key| security.verify_mac(&permit, key, &message, &tag))
    }

    async fn rotate(&mut self, key: Resource<Key>) -> CallResult<u32> {
        let name = self.key(&key)?.name.clone();
        let permit = self.mediator.mediate_listed(Use::<verb::Rotate>::of(&name)).await?;
        Ok(self.services.security.rotate(&permit, self.key(&key)?)?)
    }

    async fn destroy(&mut self, key: Resource<Key>) -> CallResult<()> {
        let name = self.key(&key)?.name.clone();
        let permit = self.mediator.mediate_listed(Use::<verb::Destroy>::of(&name)).await?;
        Ok(self.services.security.destroy(&permit, self.key(&key)?)?)
    }

    async fn attest(&mut self, key: Resource<Key>, nonce: Vec<u8>) -> CallResult<Vec<u8>> {
        use_key!(self, key, verb::Attest, |security, permit, key| security.attest(&permit, key, &nonce))
    }

    async fn drop(&mut self, key: Resource<Key>) -> wasmtime::Result<()> {
        self.table.delete(key)?;
        Ok(())
    }
}

impl keys::Host for AeState {
    async fn generate(&mut self, alias: String, template: Template) -> CallResult<Resource<Key>> {
        let template = NewKey::from(template);
        let operation = Generate { alias: &alias, algorithm: template.algorithm, persistent: template.persistent };
        let permit = self.mediator.mediate_listed(operation).await?;
        let key = self.services.security.generate(&permit, template.for_se())?;
        self.hand_out(key)
    }

    async fn open(&mut self, alias: String) -> CallResult<Resource<Key>> {
        let name = KeyName { alias: alias.into(), child: false };
        let permit = self.mediator.mediate(Use::<verb::Open>::of(&name))?;
        let key = self.services.security.open(&permit)?;
        self.hand_out(key)
    }

    async fn aliases(&mut self) -> CallResult<Vec<String>> {
        let permit = self.mediator.mediate(Aliases)?;
        Ok(self.services.security.aliases(&permit)?)
    }

    async fn verify(
        &mut self,
        public_key: Vec<u8>,
        context: String,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> CallResult<bool> {
        let permit = self.mediator.mediate(Stateless::new())?;
        let signed = Signed { public_key: &public_key, context: &context, message: &message, signature: &signature };
        Ok(self.services.security.verify(&permit, &signed)?)
    }

    async fn seal(
        &mut self,
        public_key: Vec<u8>,
        info: Vec<u8>,
        aad: Vec<u8>,
        plaintext: Vec<u8>,
    ) -> CallResult<Vec<u8>> {
        let permit = self.mediator.mediate(Stateless::new())?;
        Ok(self.services.security.seal(&permit, &public_key, &info, &aad, &plaintext)?)
    }

    async fn random(&mut self, bytes: u32) -> CallResult<Vec<u8>> {
        let permit = self.mediator.mediate(Stateless::new())?;
        Ok(self.services.security.random(&permit, bytes)?)
    }
}

impl AeState {
    fn key(&self, key: &Resource<Key>) -> CallResult<&Key> {
        self.table.get(key).map_err(|error| CallError::Host(error.into()))
    }

    fn hand_out(&mut self, key: Key) -> CallResult<Resource<Key>> {
        self.table.push(key).map_err(|error| CallError::Host(error.into()))
    }
}

/// A template as the policy decides over it.
struct NewKey {
    algorithm: m2m_policy::Algorithm,
    usage: m2m_policy::Usage,
    persistent: bool,
    not_after: Option<u64>,
    max_uses: Option<u64>,
}

impl NewKey {
    fn for_se(&self) -> se::Template {
        se::Template {
            algorithm: security::algorithm(self.algorithm),
            usage: security::usage(self.usage),
            persistent: self.persistent,
            not_after: self.not_after,
            max_uses: self.max_uses,
            child: None,
        }
    }
}

impl From<Template> for NewKey {
    fn from(template: Template) -> Self {
        Self {
            algorithm: match template.algorithm {
                keys::Algorithm::Ed25519 => m2m_policy::Algorithm::Ed25519,
                keys::Algorithm::X25519 => m2m_policy::Algorithm::X25519,
                keys::Algorithm::HpkeX25519 => m2m_policy::Algorithm::HpkeX25519,
                keys::Algorithm::Chacha20Poly1305 => m2m_policy::Algorithm::ChaCha20Poly1305,
                keys::Algorithm::HmacSha256 => m2m_policy::Algorithm::HmacSha256,
            },
            usage: USAGES.iter().filter(|(flag, _)| template.usage.contains(*flag)).map(|(_, usage)| *usage).collect(),
            persistent: template.persistent,
            not_after: template.not_after,
            max_uses: template.max_uses,
        }
    }
}

impl TryFrom<se::Attributes> for Attributes {
    type Error = Refusal;

    /// A key of the node's own kinds is none that an AE has.
    fn try_from(attributes: se::Attributes) -> Result<Self, Refusal> {
        let template = attributes.template;
        Ok(Self {
            alias: attributes.alias,
            version: attributes.version,
            template: Template {
                algorithm: match template.algorithm {
                    se::Algorithm::Ed25519 => keys::Algorithm::Ed25519,
                    se::Algorithm::X25519 => keys::Algorithm::X25519,
                    se::Algorithm::HpkeX25519 => keys::Algorithm::HpkeX25519,
                    se::Algorithm::ChaCha20Poly1305 => keys::Algorithm::Chacha20Poly1305,
                    se::Algorithm::HmacSha256 => keys::Algorithm::HmacSha256,
                    se::Algorithm::XWing => return Err(Refusal::NotFound),
                },
                usage: USAGES
                    .iter()
                    .filter(|(_, usage)| template.usage.contains(security::usage(std::iter::once(*usage).collect())))
                    .fold(Usage::empty(), |all, (flag, _)| all | *flag),
                persistent: template.persistent,
                not_after: template.not_after,
                max_uses: template.max_uses,
            },
            origin: match attributes.origin {
                se::Origin::Generated => keys::Origin::Generated,
                se::Origin::Derived => keys::Origin::Derived,
                se::Origin::Agreed => keys::Origin::Agreed,
                se::Origin::Imported => keys::Origin::Imported,
            },
            protection: match attributes.protection {
                se::ProtectionLevel::InProcess => keys::ProtectionLevel::InProcess,
                se::ProtectionLevel::Process => keys::ProtectionLevel::Process,
                se::ProtectionLevel::TpmSealed => keys::ProtectionLevel::TpmSealed,
                se::ProtectionLevel::Token => keys::ProtectionLevel::Token,
            },
        })
    }
}

const USAGES: [(Usage, m2m_policy::KeyUsage); 10] = [
    (Usage::SIGN, m2m_policy::KeyUsage::Sign),
    (Usage::ENCRYPT, m2m_policy::KeyUsage::Encrypt),
    (Usage::DECRYPT, m2m_policy::KeyUsage::Decrypt),
    (Usage::UNSEAL, m2m_policy::KeyUsage::Unseal),
    (Usage::AGREE, m2m_policy::KeyUsage::Agree),
    (Usage::DERIVE, m2m_policy::KeyUsage::Derive),
    (Usage::MAC, m2m_policy::KeyUsage::Mac),
    (Usage::ROTATE, m2m_policy::KeyUsage::Rotate),
    (Usage::DESTROY, m2m_policy::KeyUsage::Destroy),
    (Usage::ATTEST, m2m_policy::KeyUsage::Attest),
];
