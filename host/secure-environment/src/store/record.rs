//! A key's record: what it is, in clear but authenticated, and its secrets, sealed.
//!
//! `M2M-SE`, `K`, format, length of the header (4 bytes, big-endian), header (CBOR), nonce (24), ciphertext, tag (16).
//!
//! The ciphertext holds the versions' secrets, 32 bytes each, oldest first, under a key of this record alone: HKDF of the root
//! key, the store's id, the owner, the epoch and the alias. All that precedes the nonce is associated data.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    RootKey,
    file::{self, Kind, broken},
};
use crate::{
    ByteArray, Error, OpenError, Origin, PartitionId, Template,
    crypto::{Seed, aead, kdf},
};

const KEK_SALT: &[u8] = b"m2m-secure-environment record v1";

/// What a record says about its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) store: ByteArray<16>,
    pub(crate) epoch: u64,
    pub(crate) owner: PartitionId,
    pub(crate) alias: String,
    /// The newest version; there are as many secrets.
    pub(crate) version: u32,
    pub(crate) template: Template,
    pub(crate) origin: Origin,
}

/// A record with its secrets in clear.
pub(crate) struct Record {
    pub(crate) header: Header,
    pub(crate) seeds: Vec<Seed>,
}

impl Record {
    /// The bytes of the file.
    pub(crate) fn seal(&self, root: &RootKey) -> Result<Vec<u8>, Error> {
        let mut header = Vec::new();
        file::encode(&self.header, &mut header)?;
        let length = u32::try_from(header.len()).map_err(|_| Error::invalid("the key's attributes are too long"))?;
        let mut bytes = file::begin(Kind::Key);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&header);

        let mut secrets = Zeroizing::new(Vec::with_capacity(self.seeds.len() * 32));
        self.seeds.iter().for_each(|seed| secrets.extend_from_slice(seed.as_slice()));
        let aad = bytes.clone();
        kek(root, &self.header)?.seal_onto(&mut bytes, &aad, &secrets)?;
        Ok(bytes)
    }

    /// The record in a file, if this store wrote it.
    pub(crate) fn open(root: &RootKey, file: &str, bytes: &[u8]) -> Result<Self, OpenError> {
        let not_ours = || broken(file, "a record that this store sealed");
        let rest = file::after_beginning(Kind::Key, file, bytes)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(not_ours)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (header, sealed) = rest.split_at_checked(length).ok_or_else(not_ours)?;
        let (aad, _) = bytes.split_at_checked(bytes.len() - sealed.len()).ok_or_else(not_ours)?;

        let header: Header = file::decode(file, header)?;
        let secrets = kek(root, &header).and_then(|kek| kek.open(aad, sealed)).map_err(|_| not_ours())?;
        let (seeds, odd) = secrets.as_chunks::<32>();
        if !odd.is_empty() || seeds.len() != header.version as usize || seeds.is_empty() {
            return Err(not_ours());
        }
        let seeds = seeds.iter().map(|seed| Zeroizing::new(*seed)).collect();
        Ok(Self { header, seeds })
    }
}

fn kek(root: &RootKey, header: &Header) -> Result<aead::Key, Error> {
    let info: [&[u8]; 4] =
        [&header.store.0, header.owner.as_bytes(), &header.epoch.to_be_bytes(), header.alias.as_bytes()];
    Ok(aead::Key::new(&*kdf::expand(KEK_SALT, root.expose(), &info)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, Usage};

    fn record() -> Record {
        let header = Header {
            store: ByteArray([1; 16]),
            epoch: 7,
            owner: PartitionId([2; 16]),
            alias: "meter-id".to_owned(),
            version: 2,
            template: Template::new(Algorithm::Ed25519, Usage::SIGN).persistent(),
            origin: Origin::Generated,
        };
        Record { header, seeds: vec![Zeroizing::new([3; 32]), Zeroizing::new([4; 32])] }
    }

    fn root(byte: u8) -> RootKey {
        RootKey::new(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn a_record_opens_under_its_root_key_only_and_every_changed_byte_is_noticed() {
        let bytes = record().seal(&root(9)).unwrap();
        let opened = Record::open(&root(9), "key", &bytes).unwrap();
        assert_eq!(opened.header, record().header);
        assert_eq!(opened.seeds, record().seeds);
        assert!(Record::open(&root(8), "key", &bytes).is_err());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Record::open(&root(9), "key", &changed).is_err(), "byte {at}");
            assert!(Record::open(&root(9), "key", &bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn no_secret_stands_in_the_file() {
        let bytes = record().seal(&root(9)).unwrap();
        assert!(!bytes.windows(8).any(|window| window == [3; 8] || window == [4; 8]));
    }
}
