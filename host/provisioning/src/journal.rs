//! What the node's audit records of provisioning.

/// A step of the life cycle. Names nobody: no identity, key or digest is in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The device key is made.
    DeviceKey,
    /// An initialization is installed, with a trust bundle of this version.
    Installed {
        /// Version of the trust bundle.
        bundle: u64,
    },
    /// The enrolment function is asked for a subscription.
    Enrolling,
    /// A subscription begins.
    Enrolled {
        /// Until when, seconds since 1970.
        until: u64,
    },
    /// An authority is asked for certificates.
    Authorizing {
        /// The service's operations, as in `metering/report`, several with `, ` between.
        operation: String,
        /// How many.
        certificates: u32,
    },
    /// Certificates are taken.
    Authorized {
        /// The service's operations.
        operation: String,
        /// How many.
        certificates: u32,
    },
    /// All pseudonyms are changed.
    PseudonymChange,
    /// A newer trust bundle is taken.
    Bundle {
        /// Its version.
        version: u64,
    },
    /// A newer revocation list is taken.
    Revocations {
        /// Whose.
        aa: String,
        /// Its number.
        number: u64,
    },
    /// An authority refuses for good: the subscription, or the node, is blocked.
    Blocked,
}

impl Step {
    /// A word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::DeviceKey => "device-key",
            Self::Installed { .. } => "installed",
            Self::Enrolling => "enrolling",
            Self::Enrolled { .. } => "enrolled",
            Self::Authorizing { .. } => "authorizing",
            Self::Authorized { .. } => "authorized",
            Self::PseudonymChange => "pseudonym-change",
            Self::Bundle { .. } => "bundle",
            Self::Revocations { .. } => "revocations",
            Self::Blocked => "blocked",
        }
    }

    /// A line for people.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::DeviceKey => "device key made".to_owned(),
            Self::Installed { bundle } => format!("initialization installed, trust bundle {bundle}"),
            Self::Enrolling => "asks for a subscription".to_owned(),
            Self::Enrolled { until } => format!("subscribed until {until}"),
            Self::Authorizing { operation, certificates } => {
                format!("asks for {certificates} certificates of {operation}")
            }
            Self::Authorized { operation, certificates } => format!("takes {certificates} certificates of {operation}"),
            Self::PseudonymChange => "changes all pseudonyms".to_owned(),
            Self::Bundle { version } => format!("takes trust bundle {version}"),
            Self::Revocations { aa, number } => format!("takes revocation list {number} of {aa}"),
            Self::Blocked => "an authority refuses for good".to_owned(),
        }
    }
}

/// Keeps a record of steps.
pub trait Journal: Send + Sync {
    /// Called before the step has an effect, and returns when the record is durable; may block for some 50 ms.
    ///
    /// # Errors
    /// Why it cannot be recorded. The step is then not done, and tried again later.
    fn record(&self, step: &Step) -> Result<(), String>;
}
