//! Compiled components on disk, so that a node starts quickly.
//!
//! Loading compiled code is running it, so a file counts only under a MAC of the Secure Environment's, over the component's
//! digest, the engine's settings and the bytes. It is read once, checked, and loaded from memory.

#![allow(unsafe_code)]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};

use cap_std::fs::{Dir, OpenOptions};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::ComponentBytes;

const MAC_BYTES: usize = 32;
const LABEL: &[u8] = b"m2m compile cache 1\0";
/// Compiled code is a few times the size of its component.
const CODE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// A key that authenticates what the cache holds, kept by the Secure Environment.
pub trait CacheKey: Send + Sync {
    /// A MAC over a digest; `None` when the Secure Environment does not answer.
    fn mac(&self, digest: &[u8; 32]) -> Option<[u8; MAC_BYTES]>;
    /// Whether this is the MAC, compared in constant time.
    fn is_mac(&self, digest: &[u8; 32], mac: &[u8; MAC_BYTES]) -> bool;
}

/// A folder of compiled components.
pub(crate) struct CompileCache<'a> {
    folder: Dir,
    key: &'a dyn CacheKey,
}

impl<'a> CompileCache<'a> {
    pub(crate) fn new(folder: Dir, key: &'a dyn CacheKey) -> Self {
        Self { folder, key }
    }

    /// From the cache if it is there and authentic, else compiled and kept.
    ///
    /// # Errors
    /// What wasmtime says of the component.
    pub(crate) fn compile(&self, engine: &Engine, component: &ComponentBytes) -> wasmtime::Result<Component> {
        let settings = settings(engine);
        let name = format!("{}-{settings:016x}", hex::encode(component.digest().0));
        if let Some(code) = self.load(&name, component, settings) {
            // SAFETY: these bytes were written by this node: their MAC is by a key that never leaves the Secure Environment,
            // for this component and these engine settings, and they are loaded from the memory that was checked.
            match unsafe { Component::deserialize(engine, code) } {
                Ok(compiled) => return Ok(compiled),
                Err(error) => tracing::warn!("compiled anew, the cache does not fit this engine: {error:#}"),
            }
        }
        let compiled = Component::from_binary(engine, component.bytes())?;
        if let Err(error) = self.keep(&name, component, settings, &compiled.serialize()?) {
            tracing::warn!("compiled code could not be cached: {error}");
        }
        Ok(compiled)
    }

    fn load(&self, name: &str, component: &ComponentBytes, settings: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.folder.open(name).ok()?.take(CODE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let (mac, code) = bytes.split_first_chunk::<MAC_BYTES>()?;
        if !self.key.is_mac(&digest(component, settings, code), mac) {
            tracing::warn!("`cache/{name}` is not authentic: it is ignored and compiled anew");
            return None;
        }
        Some(code.to_vec())
    }

    fn keep(&self, name: &str, component: &ComponentBytes, settings: u64, code: &[u8]) -> std::io::Result<()> {
        let Some(mac) = self.key.mac(&digest(component, settings, code)) else { return Ok(()) };
        let temporary = format!("{name}.tmp");
        let mut file = self.folder.open_with(&temporary, OpenOptions::new().write(true).create(true).truncate(true))?;
        file.write_all(&mac)?;
        file.write_all(code)?;
        self.folder.rename(&temporary, &self.folder, name)
    }
}

fn digest(component: &ComponentBytes, settings: u64, code: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(LABEL);
    hash.update(component.digest().0);
    hash.update(settings.to_be_bytes());
    hash.update(code);
    hash.finalize().into()
}

fn settings(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;

    use super::*;

    /// Stands for the Secure Environment's key; what is tested is that no byte counts without it.
    struct TestKey;

    impl CacheKey for TestKey {
        fn mac(&self, digest: &[u8; 32]) -> Option<[u8; MAC_BYTES]> {
            Some(digest.map(|byte| byte ^ 0x5a))
        }

        fn is_mac(&self, digest: &[u8; 32], mac: &[u8; MAC_BYTES]) -> bool {
            self.mac(digest).as_ref() == Some(mac)
        }
    }

    #[test]
    fn a_changed_file_is_compiled_anew_and_never_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        let engine = Engine::default();
        let component = ComponentBytes::try_from(b"\0asm\x0d\0\x01\0".to_vec()).unwrap();
        let cache = CompileCache::new(open(), &TestKey);
        cache.compile(&engine, &component).unwrap();

        let name = open().entries().unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
        assert!(cache.load(&name, &component, settings(&engine)).is_some());
        let kept = open().read(&name).unwrap();
        for place in [0, MAC_BYTES, kept.len() - 1] {
            let mut forged = kept.clone();
            forged[place] ^= 1;
            open().write(&name, &forged).unwrap();
            assert!(cache.load(&name, &component, settings(&engine)).is_none(), "byte {place}");
        }
        open().write(&name, &kept).unwrap();
        assert!(cache.load(&name, &component, settings(&engine) ^ 1).is_none(), "other settings");
        cache.compile(&engine, &component).unwrap();
    }
}
