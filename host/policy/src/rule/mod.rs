//! Rules: one for each grant of a capability file.

mod grants;

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::vocabulary::{LogLevel, StatelessOperations};

pub use grants::{
    AliasPattern, AuthorizationGrant, ChildGrant, KEYS_MAX, KeyGrant, LIST_ENTRIES_MAX, PAYLOAD_BYTES_MAX,
    PublishGrant, REQUEST_TIMEOUT_MS_DEFAULT, REQUEST_TIMEOUT_MS_MAX, RequestGrant, SenderPattern, SubscribeGrant,
    TopicScope, WhenFull,
};

/// One grant, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub(crate) line: u32,
    pub(crate) reason: Box<str>,
    pub(crate) rate: Option<Rate>,
    pub(crate) grant: Grant,
}

impl Rule {
    /// The line of its header in the capability file, from 1.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// Why the grant exists, in its author's words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// How often calls may use it; without one, as often as they like.
    pub fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// What it grants.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }
}

/// What a rule grants, by section of the capability file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// `[keys.…]`
    Keys(KeyGrant),
    /// `[stateless]`
    Stateless(StatelessOperations),
    /// `[[publish]]`
    Publish(PublishGrant),
    /// `[[request]]`
    Request(RequestGrant),
    /// `[[subscribe]]`
    Subscribe(SubscribeGrant),
    /// `[logging]`, for lines of at least this level
    Logging(LogLevel),
    /// `[clocks]`
    Clocks,
    /// `[authorization]`
    Authorization(AuthorizationGrant),
    /// `[wasi]`
    Wasi,
}

impl Grant {
    /// The section of the capability file, as written there.
    pub fn section(&self) -> &'static str {
        match self {
            Self::Keys(_) => "[keys]",
            Self::Stateless(_) => "[stateless]",
            Self::Publish(_) => "[[publish]]",
            Self::Request(_) => "[[request]]",
            Self::Subscribe(_) => "[[subscribe]]",
            Self::Logging(_) => "[logging]",
            Self::Clocks => "[clocks]",
            Self::Authorization(_) => "[authorization]",
            Self::Wasi => "[wasi]",
        }
    }
}

macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($type:ty);)+) => {
        impl Rule {
            $($(#[$doc])* pub fn $name(&self) -> Option<&$type> {
                match &self.grant {
                    Grant::$variant(grant) => Some(grant),
                    _ => None,
                }
            })+
        }
    };
}

getters! {
    /// The settings of a `[keys.…]` entry.
    keys: Keys(KeyGrant);
    /// The settings of a `[[publish]]` grant.
    publish: Publish(PublishGrant);
    /// The settings of a `[[request]]` grant.
    request: Request(RequestGrant);
    /// The settings of a `[[subscribe]]` grant.
    subscribe: Subscribe(SubscribeGrant);
    /// The settings of `[authorization]`.
    authorization: Authorization(AuthorizationGrant);
}

/// How many calls in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls, at least one.
    pub count: NonZeroU32,
    /// In each of these.
    pub window: RateWindow,
}

/// The time that a rate counts over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateWindow {
    /// `/s`
    Second,
    /// `/min`
    Minute,
    /// `/h`
    Hour,
}

impl Rate {
    /// Calls a second.
    pub fn per_second(self) -> f64 {
        f64::from(self.count.get()) / self.per().as_secs_f64()
    }

    /// The time that [`Self::count`] calls may be made in.
    pub fn per(self) -> Duration {
        Duration::from_secs(match self.window {
            RateWindow::Second => 1,
            RateWindow::Minute => 60,
            RateWindow::Hour => 3600,
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.window {
            RateWindow::Second => "s",
            RateWindow::Minute => "min",
            RateWindow::Hour => "h",
        };
        write!(f, "{}/{unit}", self.count)
    }
}
