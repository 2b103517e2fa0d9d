//! `[trust]` of `node.toml`.

mod topics;

use std::fmt;
use std::time::Duration;

use m2m_trust::identity::AuthorityId;
use m2m_trust::pseudonym::RotationPolicy;
use serde::Deserialize;

pub use topics::{OperationName, Topics};

/// The most slots that certificates are fetched ahead.
pub const SLOTS_AHEAD_MAX: u32 = 48;

/// Whom to talk to, and what to obtain. Durations are texts as in `10 min`.
///
/// ```
/// let text = r#"
///     mef = { id = "mef", url = "http://127.0.0.1:7101" }
///     aa = { id = "aa", url = "http://127.0.0.1:7103", relay = true }
///     obtain = ["metering/report"]
///
///     [topics]
///     "metering/report" = ["metering/+/flow"]
/// "#;
/// let section: m2m_provisioning::TrustSection = toml::from_str(text)?;
/// assert_eq!(section.topics.operation("metering/7/flow"), Some("metering/report"));
/// assert_eq!(section.topics.operation("metering/7/command"), None);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrustSection {
    /// The enrolment function.
    pub mef: MefEntry,
    /// The authorization authority.
    pub aa: AaEntry,
    /// The operations that certificates are wanted for.
    pub obtain: Vec<OperationName>,
    /// Certificates are fetched that many slots before they are needed.
    #[serde(default = "default_slots_ahead", deserialize_with = "slots_ahead")]
    pub slots_ahead: u32,
    /// A pseudonym is used at least this long, unless its slot ends: an AE's hint does not count before.
    #[serde(default = "default_dwell", deserialize_with = "length")]
    pub dwell: Duration,
    /// How long the node is silent at a change.
    #[serde(default = "default_silence")]
    pub silence: Span,
    /// Which right a topic needs, whichever way the message goes.
    #[serde(default)]
    pub topics: Topics,
}

/// Where the enrolment function is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MefEntry {
    /// Its name in the trust bundle.
    pub id: AuthorityName,
    /// Where it is reached.
    pub url: BaseUrl,
}

/// Where the authorization authority is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AaEntry {
    /// Its name in the trust bundle.
    pub id: AuthorityName,
    /// Where it, or the relay to it, is reached.
    pub url: BaseUrl,
    /// Whether the address is that of a relay, so that the authority does not see the node's.
    #[serde(default)]
    pub relay: bool,
}

impl AaEntry {
    /// The address that requests for authority `id` begin with.
    pub(crate) fn base(&self, id: &AuthorityId) -> String {
        if self.relay { format!("{}/aa/{id}", self.url) } else { self.url.to_string() }
    }
}

/// The shortest and the longest of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "SpanText")]
pub struct Span {
    /// At least.
    pub min: Duration,
    /// At most; never less than `min`.
    pub max: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpanText {
    min: String,
    max: String,
}

impl TryFrom<SpanText> for Span {
    type Error = String;

    fn try_from(text: SpanText) -> Result<Self, String> {
        let (min, max) = (parse_length(&text.min)?, parse_length(&text.max)?);
        if min > max {
            return Err(format!("`min` is longer than `max`: {} and {}", text.min, text.max));
        }
        Ok(Self { min, max })
    }
}

/// At most 30 days.
fn parse_length(text: &str) -> Result<Duration, String> {
    let length = humantime::parse_duration(text)
        .map_err(|error| format!("`{}` is no length of time, as `3 s` or `10 min`: {error}", text.escape_debug()))?;
    if length > Duration::from_secs(30 * 24 * 3600) {
        return Err(format!("`{text}` is longer than 30 days"));
    }
    Ok(length)
}

fn length<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse_length(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

impl TrustSection {
    /// How pseudonyms are changed: at times that all nodes share, and when an AE asks.
    pub(crate) fn rotation_policy(&self) -> RotationPolicy {
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        RotationPolicy {
            dwell_min_ms: ms(self.dwell),
            // Never by dwell and distance: a change that no other node makes at that time hides nothing.
            dwell_max_ms: u64::MAX,
            distance_m: u64::MAX,
            jitter_ms: ms(self.jitter()),
            silence_min_ms: ms(self.silence.min),
            silence_max_ms: ms(self.silence.max),
            ..RotationPolicy::default()
        }
    }

    /// Around a common time, silence begins and ends within this long; it then lasts `silence.min` to `silence.max`.
    pub(crate) fn jitter(&self) -> Duration {
        self.silence.max.saturating_sub(self.silence.min) / 2
    }
}

fn default_slots_ahead() -> u32 {
    1
}

fn default_dwell() -> Duration {
    Duration::from_secs(60)
}

fn default_silence() -> Span {
    Span { min: Duration::from_secs(3), max: Duration::from_secs(13) }
}

fn slots_ahead<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let slots = u32::deserialize(deserializer)?;
    if (1..=SLOTS_AHEAD_MAX).contains(&slots) {
        Ok(slots)
    } else {
        Err(serde::de::Error::custom(format!("`slots-ahead` is {slots}, expected 1 to {SLOTS_AHEAD_MAX}")))
    }
}

/// The name of an authority.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AuthorityName(pub AuthorityId);

impl TryFrom<String> for AuthorityName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        AuthorityId::parse(&text).map(Self).map_err(|_| {
            format!("`{}` is no name of an authority: 1 to 32 of `a-z`, `0-9`, `-` and `.`", text.escape_debug())
        })
    }
}

/// An address that paths are appended to: `http://`, a host, no `/` at the end. Messages protect themselves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl(String);

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let address = text.strip_suffix('/').unwrap_or(&text);
        if text.starts_with("https://") {
            return Err(format!(
                "`{}`: TLS to authorities is not supported, expected `http://…`; messages protect themselves",
                text.escape_debug()
            ));
        }
        let rest = address.strip_prefix("http://");
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '@' | '\\' | '"' | '<' | '>');
        match rest {
            Some(rest) if !rest.is_empty() && !rest.starts_with(['/', ':']) && rest.chars().all(plain) => {
                Ok(Self(address.to_owned()))
            }
            _ => Err(format!("`{}` is no address, as `http://127.0.0.1:7101`", text.escape_debug())),
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "mef = { id = \"mef\", url = \"http://a:1\" }\naa = { id = \"aa\", url = \"http://a:2/\" }\n";

    fn parse(rest: &str) -> Result<TrustSection, String> {
        toml::from_str(&format!("{HEAD}{rest}")).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn defaults_and_addresses() {
        let section = parse("obtain = [\"metering/report\"]").unwrap();
        assert_eq!((section.slots_ahead, section.silence), (1, default_silence()));
        let id = AuthorityId::parse("aa").unwrap();
        assert_eq!(section.aa.base(&id), "http://a:2");
        assert_eq!(AaEntry { relay: true, ..section.aa }.base(&id), "http://a:2/aa/aa");
    }

    #[test]
    fn a_topic_belongs_to_one_operation() {
        let topics = |text: &str| parse(&format!("obtain = []\n[topics]\n{text}"));
        let good = topics("\"m/a\" = [\"m/+/x\", \"m/#\"]\n\"m/b\" = [\"n/y\"]").unwrap();
        assert_eq!(good.topics.operation("m/1/x"), Some("m/a"));
        assert_eq!(good.topics.operation("n/y"), Some("m/b"));
        assert_eq!(good.topics.operations().collect::<Vec<_>>(), ["m/a", "m/b"]);
        let overlap = topics("\"m/a\" = [\"m/+/x\"]\n\"m/b\" = [\"m/1/+\"]").unwrap_err();
        assert!(overlap.contains("have topics in common"), "{overlap}");
        assert!(topics("\"m/a\" = [\"$timer/x\"]").unwrap_err().contains("never leave it"));
        assert!(topics("\"m/a\" = [\"a#\"]").unwrap_err().contains("topic filter"));
        assert!(topics("\"report\" = []").unwrap_err().contains("is no operation"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, expected) in [
            ("obtain = [\"Metering/x\"]", "is no operation"),
            ("obtain = []\nslots-ahead = 0", "expected 1 to 48"),
            ("obtain = []\nsilence = { min = \"2 s\", max = \"1 s\" }", "longer than `max`"),
            ("obtain = []\ndwell = \"40 days\"", "longer than 30 days"),
            ("obtain = []\nsilence = { min = \"soon\", max = \"1 s\" }", "no length of time"),
            ("obtain = []\npatience = 3", "unknown field `patience`"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        for url in ["ftp://a", "http://", "http:///x", "http://a b", "http://u@h", "a:7101", "https://a"] {
            assert!(BaseUrl::try_from(url.to_owned()).is_err(), "{url}");
        }
    }
}
