//! `authority.toml`: one file for each role.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use m2m_trust::identity::AuthorityId;
use serde::{Deserialize, Serialize};

use crate::snippet::{self, FileError};

/// The file's name in the folder of a role.
pub const FILE_NAME: &str = "authority.toml";

/// What a folder belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Signs trust bundles and identification orders; kept offline.
    Root,
    /// Signs initial credentials; kept offline.
    Manufacturer,
    /// Signs revocation orders; kept offline.
    Ma,
    /// Enrolment function, a server.
    Mef,
    /// Authorization authority, a server.
    Aa,
    /// Passes requests on to AAs without the address of the node, a server.
    Relay,
}

impl Role {
    /// Its name in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Manufacturer => "manufacturer",
            Self::Ma => "ma",
            Self::Mef => "mef",
            Self::Aa => "aa",
            Self::Relay => "relay",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The whole file. Paths are relative to its folder.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Whose file it is.
    pub role: Role,
    /// The name in the trust bundle; of a relay, any name.
    #[serde(deserialize_with = "authority_id")]
    pub id: AuthorityId,
    /// Where a server listens.
    pub listen: Option<SocketAddr>,
    /// The description of the trust domain.
    #[serde(default = "domain_json")]
    pub domain: PathBuf,
    /// The signed trust bundle.
    #[serde(default = "bundle_cose")]
    pub bundle: PathBuf,
    /// At least 32 random bytes that the keys in `keys/` are encrypted under.
    #[serde(default = "root_key")]
    pub root_key: PathBuf,
    /// Of an AA: the MEFs. Of a relay: the AAs. Names and URLs.
    #[serde(default)]
    pub peers: BTreeMap<String, String>,
    /// `[limits]`.
    #[serde(default)]
    pub limits: Limits,
    /// `[log]`.
    #[serde(default)]
    pub log: Log,
    /// `[revocations]`, of an AA.
    #[serde(default)]
    pub revocations: Revocations,
    /// `[retention]`, of MEF and AA.
    #[serde(default)]
    pub retention: Retention,
    /// `[tls]`: serve https.
    pub tls: Option<Tls>,
    /// `[client]`: for peers behind `https:`.
    #[serde(default)]
    pub client: Client,
}

/// What a server takes at once.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Limits {
    /// Open connections; more have to wait.
    pub connections: NonZeroUsize,
    /// Requests in work; more are refused with 429.
    pub requests: NonZeroUsize,
    /// Requests a second on one connection, over a burst of ten times as many.
    pub requests_per_second: NonZeroU32,
    /// For a client to send its head or its body.
    #[serde(with = "humantime_text")]
    pub receive: Duration,
    /// For a peer to answer.
    #[serde(with = "humantime_text")]
    pub peer: Duration,
    /// For a connection altogether.
    #[serde(with = "humantime_text")]
    pub connection: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: number(1024),
            requests: number(64),
            requests_per_second: NonZeroU32::MIN.saturating_add(49),
            receive: Duration::from_secs(10),
            peer: Duration::from_secs(5),
            connection: Duration::from_secs(300),
        }
    }
}

const fn number(number: usize) -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(number - 1)
}

/// The decision log.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Log {
    /// About how many bytes a file gets.
    pub file_bytes: u64,
    /// How many files are kept.
    pub files: u32,
}

impl Default for Log {
    fn default() -> Self {
        Self { file_bytes: 16 << 20, files: 8 }
    }
}

/// The revocation list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Revocations {
    /// How long a list counts. A new one is there after half of it, and at once after an order.
    #[serde(with = "humantime_text")]
    pub period: Duration,
}

impl Default for Revocations {
    fn default() -> Self {
        Self { period: Duration::from_secs(600) }
    }
}

/// How long what revocation needs is kept.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Retention {
    /// Epochs after the last one that a record is about. Whoever has the stores of MEF and AA can link for that long.
    pub epochs: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { epochs: 1 }
    }
}

/// Certificate chain and private key, PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tls {
    /// The chain.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// The side of a client.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Client {
    /// Certificates that servers' certificates must come from, PEM. No others are believed.
    pub ca: Option<PathBuf>,
}

impl Settings {
    /// Reads the file in the folder of a role.
    ///
    /// # Errors
    /// [`FileError`] with the place.
    pub fn read(folder: &Path) -> Result<Self, FileError> {
        let mut settings: Self = snippet::read(&folder.join(FILE_NAME))?;
        let paths = [&mut settings.domain, &mut settings.bundle, &mut settings.root_key].into_iter();
        let tls = settings.tls.iter_mut().flat_map(|tls| [&mut tls.certificate, &mut tls.key]);
        paths.chain(tls).chain(settings.client.ca.as_mut()).for_each(|path| *path = folder.join(&*path));
        Ok(settings)
    }
}

fn domain_json() -> PathBuf {
    "../domain.json".into()
}

fn bundle_cose() -> PathBuf {
    "../bundle.cose".into()
}

fn root_key() -> PathBuf {
    "root.key".into()
}

fn authority_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<AuthorityId, D::Error> {
    AuthorityId::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Durations as in `10 min`, longer than nothing.
pub(crate) mod humantime_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, de::Error};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).map_err(D::Error::custom)
    }

    pub(crate) fn parse(text: &str) -> Result<Duration, String> {
        match humantime::parse_duration(text) {
            Ok(Duration::ZERO) | Err(_) => {
                Err(format!("`{}` is no duration: expected one as `10 min` or `365 days`", text.escape_debug()))
            }
            Ok(duration) => Ok(duration),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "role = \"aa\"\nid = \"aa\"\n";

    fn parse(text: &str) -> Result<Settings, FileError> {
        snippet::parse(FILE_NAME, text)
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let settings = parse(MINIMAL).unwrap();
        assert_eq!((settings.role, settings.limits.requests.get(), settings.retention.epochs), (Role::Aa, 64, 1));
        assert_eq!(settings.revocations.period, Duration::from_secs(600));
    }

    #[test]
    fn an_unknown_key_and_a_bad_value_are_shown_where_they_are() {
        let cases = [
            ("[limits]\nrequest = 5\n", "request = 5", "unknown field `request`"),
            ("[revocations]\nperiod = \"soon\"\n", "period = \"soon\"", "`soon` is no duration"),
            ("[limits]\nrequests = 0\n", "requests = 0", "expected a nonzero usize"),
            ("[revocations]\nperiod = \"0 s\"\n", "period = \"0 s\"", "`0 s` is no duration"),
        ];
        for (text, line, message) in cases {
            let error = parse(&format!("{MINIMAL}{text}")).unwrap_err().to_string();
            assert!(error.contains(message) && error.contains(line) && error.contains("authority.toml:4"), "{error}");
        }
        let error = parse("role = \"aa\"\nid = \"A A\"\n").unwrap_err().to_string();
        assert!(error.contains("1 to 32 of a-z"), "{error}");
    }
}
