//! `node.toml`: one file that shows the whole node.
//!
//! ```
//! let text = r#"
//!     [node]
//!     name = "pump-house"
//!     ceiling = "policies/ceiling.toml"
//!
//!     [secure-environment]
//!     root-key = { credential = "root.key" }
//!
//!     [[ae]]
//!     name = "meter"
//!     component = "components/meter.wasm"
//!     policy = "policies/meter.toml"
//!     timers = [{ topic = "$timer/reading", every = "1 h" }]
//! "#;
//! let manifest = m2m_host::manifest::Manifest::parse("node.toml", text)?;
//! assert_eq!(manifest.aes[0].name.as_ref(), "meter");
//! # Ok::<(), m2m_host::manifest::ManifestError>(())
//! ```
//!
//! Every path is relative to the folder of the file, and all but those of keys and sockets stay inside it.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use m2m_policy::topic::Topic;
use m2m_provisioning::TrustSection;
use serde::Deserialize;
use toml::Spanned;

use crate::digest::Sha256Digest;
use crate::snippet;
use crate::transport::message::{AeName, SharedTopic};

/// The shortest beat of a timer.
const TIMER_PERIOD_MIN: Duration = Duration::from_millis(1);
/// What the system takes as the path of a socket, in bytes.
pub(crate) const SOCKET_PATH_BYTES_MAX: usize = 107;
/// How many timers one AE may have.
const TIMERS_MAX: usize = 16;

/// A node, as its integrator describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// The node itself.
    pub node: NodeSection,
    /// Where keys are kept.
    pub secure_environment: SecureEnvironmentSection,
    /// The M2M system that the node takes part in. Without it nothing leaves the node.
    #[serde(default)]
    pub trust: Option<TrustSection>,
    /// The way to other nodes.
    #[serde(default)]
    pub link: Option<Spanned<LinkSection>>,
    /// The AEs; may be none.
    #[serde(default, rename = "ae")]
    pub aes: Vec<AeEntry>,
}

/// `[node]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NodeSection {
    /// For people; it does not leave the node.
    pub name: String,
    /// The folder of keys, audit and cache. Made with mode 0700 where it is missing.
    #[serde(default = "default_state")]
    pub state: ConfinedPath,
    /// The capability file that bounds all others.
    pub ceiling: ConfinedPath,
}

/// `[secure-environment]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecureEnvironmentSection {
    /// What the stored keys are encrypted under.
    pub root_key: RootKey,
}

/// `[link]`: which end of a Unix socket this node is.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum LinkSection {
    /// Another node makes the socket.
    Connect(SocketPath),
    /// This node makes it.
    Listen(SocketPath),
}

/// Where the root key comes from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum RootKey {
    /// A file of at least 32 random bytes, handed over by whoever starts the node.
    Credential(PathBuf),
    /// A file that holds a passphrase, for Argon2id.
    PassphraseFile(PathBuf),
}

/// `[[ae]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AeEntry {
    /// As in its capability file; unique on the node.
    pub name: Spanned<Name>,
    /// The component, a `.wasm` file.
    pub component: ConfinedPath,
    /// The capability file.
    pub policy: ConfinedPath,
    /// `sha256:…` of the component; checked on the bytes that are compiled.
    #[serde(default)]
    pub digest: Option<Sha256Digest>,
    /// The digest of the component that had this AE's keys before: names an update, and the keys go on to the new one.
    #[serde(default)]
    pub inherits_keys_of: Option<Sha256Digest>,
    /// Beats that the node sends it.
    #[serde(default)]
    pub timers: Vec<TimerEntry>,
}

impl AeEntry {
    /// Shared, as messages carry it.
    pub fn ae_name(&self) -> AeName {
        self.name.as_ref().0.as_str().into()
    }
}

/// One timer of an AE.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TimerEntry {
    /// Below `$timer/`; the AE subscribes to it, by grant.
    pub topic: TimerTopic,
    /// `5 ms`, `1 h`.
    pub every: Period,
}

/// A name: 1 to 64 of `a-z`, `0-9`, `-`, beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.0 == **other
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        if begins && text.len() <= 64 && text.chars().all(fits) {
            return Ok(Self(text));
        }
        Err(format!(
            "`{}` is no name for an AE: 1 to 64 of `a-z`, `0-9` and `-`, beginning with a letter",
            text.escape_debug()
        ))
    }
}

/// A relative path that stays below the folder of `node.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PathBuf")]
pub struct ConfinedPath(PathBuf);

impl AsRef<Path> for ConfinedPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl std::fmt::Display for ConfinedPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.display().fmt(f)
    }
}

impl TryFrom<PathBuf> for ConfinedPath {
    type Error = String;

    fn try_from(path: PathBuf) -> Result<Self, String> {
        let stays = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if stays && path.components().next().is_some() {
            return Ok(Self(path));
        }
        Err(format!("`{}` leaves the folder of `node.toml`: a relative path without `..` is expected", path.display()))
    }
}

/// The path of a socket, relative to the folder of `node.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PathBuf")]
pub struct SocketPath(PathBuf);

impl AsRef<Path> for SocketPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl TryFrom<PathBuf> for SocketPath {
    type Error = String;

    fn try_from(path: PathBuf) -> Result<Self, String> {
        match path.as_os_str().len() {
            0 => Err("the path of a socket is expected".to_owned()),
            bytes if bytes > SOCKET_PATH_BYTES_MAX => {
                Err(format!("a path of {bytes} bytes, and the system takes {SOCKET_PATH_BYTES_MAX} for a socket"))
            }
            _ => Ok(Self(path)),
        }
    }
}

fn default_state() -> ConfinedPath {
    ConfinedPath(PathBuf::from("state"))
}

/// A topic below `$timer/`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct TimerTopic(pub SharedTopic);

impl TryFrom<String> for TimerTopic {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let topic = Topic::new(&text).map_err(|error| error.to_string())?;
        if !text.starts_with("$timer/") {
            return Err(format!("`{topic}` is no topic for a timer: they are below `$timer/`"));
        }
        Ok(Self(SharedTopic::from(topic)))
    }
}

/// A length of time, at least a millisecond.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct Period(pub Duration);

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let period = humantime::parse_duration(&text)
            .map_err(|error| format!("`{}` is no length of time, as `5 ms` or `1 h`: {error}", text.escape_debug()))?;
        if period < TIMER_PERIOD_MIN {
            return Err(format!("`{text}` is shorter than the shortest beat, 1 ms"));
        }
        Ok(Self(period))
    }
}

/// What is wrong with a `node.toml`, with the lines underlined.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ManifestError(String);

impl Manifest {
    /// `file_name` is for the errors.
    ///
    /// # Errors
    /// What was expected, and where.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|error| {
            ManifestError(snippet::error(file_name, text, error.span().unwrap_or(0..0), error.message(), None))
        })?;
        manifest.check_names(file_name, text)?;
        manifest.check_link(file_name, text)?;
        Ok(manifest)
    }

    fn check_link(&self, file_name: &str, text: &str) -> Result<(), ManifestError> {
        match (&self.link, &self.trust) {
            (Some(link), None) => {
                let message = "a `[link]` without `[trust]` carries nothing";
                let help = "what leaves the node is signed or encrypted: add `[trust]`, or take the section out";
                Err(ManifestError(snippet::error(file_name, text, link.span(), message, Some(help))))
            }
            _ => Ok(()),
        }
    }

    fn check_names(&self, file_name: &str, text: &str) -> Result<(), ManifestError> {
        let at = |entry: &AeEntry, message: &str, help: &str| {
            Err(ManifestError(snippet::error(file_name, text, entry.name.span(), message, Some(help))))
        };
        let mut names = HashSet::new();
        for entry in &self.aes {
            if !names.insert(entry.name.as_ref()) {
                let message = format!("a second AE is named `{}`", entry.name.as_ref().as_str());
                return at(entry, &message, "every AE of a node needs a name of its own");
            }
            if entry.timers.len() > TIMERS_MAX {
                return at(
                    entry,
                    &format!("more than {TIMERS_MAX} timers for one AE"),
                    "let one timer serve several uses",
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "[node]\nname = \"n\"\nceiling = \"c.toml\"\n[secure-environment]\nroot-key = { credential = \"k\" }\n";

    fn refused(rest: &str) -> String {
        Manifest::parse("node.toml", &format!("{HEAD}{rest}")).unwrap_err().to_string()
    }

    fn ae(name: &str, rest: &str) -> String {
        format!("[[ae]]\nname = \"{name}\"\ncomponent = \"a.wasm\"\npolicy = \"a.toml\"\n{rest}\n")
    }

    #[test]
    fn a_node_without_aes_is_a_node() {
        let manifest = Manifest::parse("node.toml", HEAD).unwrap();
        assert!(manifest.aes.is_empty());
        assert_eq!(manifest.node.state.as_ref(), Path::new("state"));
    }

    #[test]
    fn unknown_keys_are_refused_where_they_stand() {
        let error = refused(&ae("meter", "priority = 3"));
        assert!(error.contains("unknown field `priority`"), "{error}");
        assert!(error.contains("node.toml:10"), "{error}");
    }

    #[test]
    fn two_aes_of_one_name_are_refused() {
        let error = refused(&(ae("meter", "") + &ae("meter", "")));
        assert!(error.contains("a second AE is named `meter`"), "{error}");
    }

    #[test]
    fn paths_stay_inside() {
        for path in ["../a.wasm", "/a.wasm", "b/../../a.wasm", ""] {
            let error = refused(&format!("[[ae]]\nname = \"m\"\ncomponent = \"{path}\"\npolicy = \"a.toml\"\n"));
            assert!(error.contains("leaves the folder"), "{path}: {error}");
        }
    }

    const TRUST: &str = "[trust]\nmef = { id = \"mef\", url = \"http://127.0.0.1:1\" }\n\
                         aa = { id = \"aa\", url = \"http://127.0.0.1:2\" }\nobtain = []\n";

    #[test]
    fn a_link_has_one_end_here_and_needs_trust() {
        for (end, expected) in
            [("connect", LinkSection::Connect as fn(_) -> _), ("listen", LinkSection::Listen as fn(_) -> _)]
        {
            let text = format!("{HEAD}{TRUST}[link]\n{end} = \"../other/link.sock\"\n");
            let link = Manifest::parse("node.toml", &text).unwrap().link.unwrap().into_inner();
            assert_eq!(link, expected(SocketPath("../other/link.sock".into())));
        }
        let error = refused("[link]\nlisten = \"link.sock\"\n");
        assert!(error.contains("without `[trust]`") && error.contains("node.toml:6"), "{error}");
        let refused = |link: &str| refused(&format!("{TRUST}[link]\n{link}\n"));
        assert!(refused("listen = \"\"").contains("the path of a socket is expected"));
        assert!(refused(&format!("listen = \"{}\"", "a".repeat(108))).contains("a path of 108 bytes"));
        assert!(refused("listen = \"a\"\nconnect = \"b\"").contains("node.toml:"));
        assert!(refused("dial = \"a\"").contains("unknown variant `dial`"));
        assert!(refused("").contains("node.toml:"), "neither end");
    }

    #[test]
    fn what_is_wrong_with_trust_is_said_where_it_stands() {
        Manifest::parse("node.toml", &format!("{HEAD}{TRUST}")).unwrap();
        let error = refused(&TRUST.replace("obtain = []", "obtain = [\"metering\"]"));
        assert!(error.contains("node.toml:9"), "{error}");
        let error = refused(&format!("{TRUST}silent = true\n"));
        assert!(error.contains("unknown field `silent`"), "{error}");
    }

    #[test]
    fn names_topics_and_periods_are_checked() {
        assert!(refused(&ae("Meter", "")).contains("is no name for an AE"));
        let timer =
            |topic: &str, every: &str| ae("m", &format!("timers = [{{ topic = \"{topic}\", every = \"{every}\" }}]"));
        assert!(refused(&timer("tick", "1 s")).contains("below `$timer/`"));
        assert!(refused(&timer("$timer/+", "1 s")).contains('+'));
        assert!(refused(&timer("$timer/t", "1 us")).contains("shortest beat"));
        assert!(refused(&timer("$timer/t", "soon")).contains("is no length of time"));
        Manifest::parse("node.toml", &format!("{HEAD}{}", timer("$timer/t", "5 ms"))).unwrap();
    }
}
