//! Opening a store: everything is checked before anything is changed, so that a store is either whole or refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    HEADER, MANIFEST, RootKey, RootKeyError, RootKeyProvider, Storage, Store, StoredKey,
    file::{self, Kind, broken},
    manifest::{self, HeadFile, KeyName, Manifest},
    record::Record,
};
use crate::{
    ByteArray, Bytes, Error, Head, OpenError,
    crypto::{hmac, random},
};

const HEADER_BYTES_MAX: u64 = 64 * 1024;
const MANIFEST_BYTES_MAX: u64 = 256 * 1024 * 1024;
const KEY_BYTES_MAX: u64 = 64 * 1024;
const HEAD_BYTES_MAX: u64 = 4 * 1024;

/// What `store` holds, authenticated under a key of the root key that it leads to.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreHeader {
    id: ByteArray<16>,
    provider: String,
    parameters: Bytes<'static>,
}

impl Store {
    /// Opens the store in a folder, or makes one in an empty folder.
    pub(crate) fn open(
        storage: Box<dyn Storage>,
        provider: &dyn RootKeyProvider,
    ) -> Result<(Self, Vec<StoredKey>), OpenError> {
        let names = storage.names().map_err(|error| OpenError::Io { file: ".".to_owned(), error })?;
        let files = Files { storage, names: names.into_iter().collect() };
        files.refuse_strangers()?;
        if files.has(HEADER) {
            open_existing(files, provider)
        } else {
            files.refuse_remains()?;
            create(files, provider).map(|store| (store, Vec::new()))
        }
    }
}

/// Makes a store: manifest first, header last. Until the header is there nobody has been told that there is a store.
fn create(files: Files, provider: &dyn RootKeyProvider) -> Result<Store, OpenError> {
    let (root, parameters) = provider.create()?;
    let id: [u8; 16] = random::array().map_err(|_| OpenError::Random)?;
    let header = StoreHeader { id: ByteArray(id), provider: provider.name().to_owned(), parameters: parameters.into() };
    let header_key = mac_key(&root, &id, HEADER)?;
    let header = file::write(&header_key, Kind::Header, &header).map_err(|error| cannot_write(HEADER, error))?;

    let mut store = assemble(files.storage, id, root, Manifest::default(), BTreeMap::new())?;
    store.commit(|_, _| ()).map_err(|error| cannot_write(MANIFEST, error))?;
    store.replace(HEADER, &header).map_err(|cut| cannot_write(HEADER, super::not_written("its header", cut)))?;
    Ok(store)
}

fn open_existing(files: Files, provider: &dyn RootKeyProvider) -> Result<(Store, Vec<StoredKey>), OpenError> {
    let bytes = files.read(HEADER, HEADER_BYTES_MAX)?;
    let header: StoreHeader = file::peek(Kind::Header, HEADER, &bytes)?;
    if header.provider != provider.name() {
        return Err(OpenError::OtherProvider { expected: header.provider, given: provider.name() });
    }
    let root = provider.open(&header.parameters)?;
    let id = header.id.0;
    file::read::<StoreHeader>(&mac_key(&root, &id, HEADER)?, Kind::Header, HEADER, &bytes)
        .map_err(|_| OpenError::WrongRootKey)?;

    let bytes = files.read(MANIFEST, MANIFEST_BYTES_MAX)?;
    let manifest: Manifest = file::read(&mac_key(&root, &id, MANIFEST)?, Kind::Manifest, MANIFEST, &bytes)?;
    let keys = manifest
        .keys
        .iter()
        .map(|(name, entry)| read_key(&files, &root, &id, name, entry))
        .collect::<Result<Vec<_>, _>>()?;
    let heads = manifest
        .heads
        .iter()
        .map(|name| Ok((name.clone(), read_head(&files, &root, &id, manifest.epoch, &manifest::head_file(name))?)))
        .collect::<Result<BTreeMap<_, _>, OpenError>>()?;
    let leftovers = files.leftovers(&manifest, &root, &id)?;

    for name in leftovers {
        files.storage.remove(&name).map_err(|error| OpenError::Io { file: name, error })?;
    }
    Ok((assemble(files.storage, id, root, manifest, heads)?, keys))
}

fn assemble(
    storage: Box<dyn Storage>,
    id: [u8; 16],
    root: RootKey,
    manifest: Manifest,
    heads: BTreeMap<String, Head>,
) -> Result<Store, OpenError> {
    let manifest_key = mac_key(&root, &id, MANIFEST)?;
    Ok(Store { storage, id, root, manifest_key, manifest, heads, uncertain: false })
}

fn read_key(
    files: &Files,
    root: &RootKey,
    id: &[u8; 16],
    name: &KeyName,
    entry: &manifest::Entry,
) -> Result<StoredKey, OpenError> {
    let file = manifest::key_file(entry.epoch);
    let bytes = files.read(&file, KEY_BYTES_MAX)?;
    if <[u8; 32]>::from(Sha256::digest(&bytes)) != entry.digest.0 {
        return Err(broken(&file, "the record that the manifest names"));
    }
    let Record { header, seeds } = Record::open(root, &file, &bytes)?;
    let same = header.store.0 == *id && header.epoch == entry.epoch && header.owner == name.0 && header.alias == name.1;
    if !same {
        return Err(broken(&file, "the key that the manifest names"));
    }
    Ok(StoredKey {
        owner: header.owner,
        alias: header.alias,
        template: header.template,
        origin: header.origin,
        seeds,
        used: entry.used,
    })
}

fn read_head(files: &Files, root: &RootKey, id: &[u8; 16], epoch: u64, file: &str) -> Result<Head, OpenError> {
    let key = mac_key(root, id, file)?;
    let content: HeadFile = file::read(&key, Kind::Head, file, &files.read(file, HEAD_BYTES_MAX)?)?;
    if content.epoch > epoch { Err(old_manifest()) } else { Ok(content.head) }
}

/// The folder with the names that were in it at the beginning.
struct Files {
    storage: Box<dyn Storage>,
    names: BTreeSet<String>,
}

impl Files {
    fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    fn read(&self, file: &str, max_bytes: u64) -> Result<Vec<u8>, OpenError> {
        self.storage.read(file, max_bytes).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => OpenError::Missing { file: file.to_owned() },
            io::ErrorKind::FileTooLarge => broken(file, "a shorter file"),
            _ => OpenError::Io { file: file.to_owned(), error },
        })
    }

    /// Refuses files whose names are not of this kind of store.
    fn refuse_strangers(&self) -> Result<(), OpenError> {
        let known = |name: &str| {
            name == HEADER
                || name == MANIFEST
                || manifest::key_file_epoch(name).is_some()
                || manifest::head_file_name(name).is_some()
        };
        match self.names.iter().find(|name| !known(name.strip_suffix(".tmp").unwrap_or(name))) {
            Some(name) => Err(OpenError::Foreign { file: name.clone() }),
            None => Ok(()),
        }
    }

    /// Refuses a folder without header that holds more than what a cut while making the store can leave.
    fn refuse_remains(&self) -> Result<(), OpenError> {
        let missing = || Err(OpenError::Missing { file: HEADER.to_owned() });
        for name in self.names.iter().filter(|name| !name.ends_with(".tmp")) {
            if name != MANIFEST {
                return missing();
            }
            let bytes = self.read(MANIFEST, MANIFEST_BYTES_MAX)?;
            let manifest: Manifest = file::peek(Kind::Manifest, MANIFEST, &bytes)?;
            if manifest.epoch != 1 {
                return missing();
            }
        }
        Ok(())
    }

    /// What cuts left behind: temporary files, and files of ours that the manifest does not name. Others are foreign.
    fn leftovers(&self, manifest: &Manifest, root: &RootKey, id: &[u8; 16]) -> Result<Vec<String>, OpenError> {
        let mut named: BTreeSet<String> = [HEADER.to_owned(), MANIFEST.to_owned()].into();
        named.extend(manifest.keys.values().map(|entry| manifest::key_file(entry.epoch)));
        named.extend(manifest.heads.iter().map(|name| manifest::head_file(name)));
        let leftovers: Vec<_> = self.names.difference(&named).cloned().collect();
        for file in leftovers.iter().filter(|file| !file.ends_with(".tmp")) {
            self.check_leftover(file, manifest, root, id)?;
        }
        Ok(leftovers)
    }

    fn check_leftover(&self, file: &str, manifest: &Manifest, root: &RootKey, id: &[u8; 16]) -> Result<(), OpenError> {
        let foreign = |_| OpenError::Foreign { file: file.to_owned() };
        let Some(epoch) = manifest::key_file_epoch(file) else {
            return match read_head(self, root, id, manifest.epoch, file) {
                Err(error) if is_old_manifest(&error) => Err(error),
                head => head.map(drop).map_err(foreign),
            };
        };
        let Record { header, .. } = Record::open(root, file, &self.read(file, KEY_BYTES_MAX)?).map_err(foreign)?;
        if header.epoch != epoch || header.store.0 != *id {
            return Err(OpenError::Foreign { file: file.to_owned() });
        }
        // The record of a change that did not happen is of the next epoch; all others are of earlier ones.
        if epoch > manifest.epoch.saturating_add(1) { Err(old_manifest()) } else { Ok(()) }
    }
}

fn old_manifest() -> OpenError {
    broken(MANIFEST, "a manifest that is not older than the keys and heads beside it")
}

fn is_old_manifest(error: &OpenError) -> bool {
    matches!(error, OpenError::Broken { file, .. } if file == MANIFEST)
}

fn mac_key(root: &RootKey, id: &[u8; 16], file: &str) -> Result<hmac::Key, OpenError> {
    file::mac_key(root, id, file).map_err(|error| RootKeyError::Unavailable(error.to_string()).into())
}

fn cannot_write(file: &str, error: Error) -> OpenError {
    OpenError::Io { file: file.to_owned(), error: io::Error::other(error) }
}
