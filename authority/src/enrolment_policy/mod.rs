//! Whom an MEF enrols, and for what: `enrolment.toml`.
//!
//! Rules are tried in the order of the file. The first one whose conditions all hold decides; where none does, the node is refused.
//! A condition that a rule does not name always holds.
//!
//! ```toml
//! [[rule]]
//! name = "gateways"
//! reason = "gateways of the pump houses, as delivered since 2026"
//! # Profile, as the manufacturer signed it.
//! software-stability = 2          # at least; 0 to 4
//! hardware-stability = 2
//! attack-resistance = 1
//! secure-environments = ["secure-element", "tee"]   # uicc, secure-element, tee, library
//! service-functions = ["security"]                  # all of them
//! certifications = [{ registrar = "https://registrar.example", platform = "gateway-2" }] # one of them
//! models = ["gateway-2"]
//! # Evidence, as the node signed it.
//! debug = ["disabled-permanently", "disabled-fully-and-permanently"]
//! measurements = { host = ["sha256:…"], "policy:meter" = ["sha256:…", "sha256:…"] }
//! other-measurements = "deny"     # of files that `measurements` does not name; "allow" without this line
//! # What is granted.
//! services = ["metering/report"]  # of what the node asks for
//! quota = 400                     # certificates in an epoch
//! term = "365 days"
//! authorities = ["aa"]            # all AAs of the trust bundle without this line
//! ```

mod decide;
mod parse;
#[cfg(test)]
mod tests;

use m2m_trust::aif::Scope;
use m2m_trust::credential::SecureEnvironmentType;
use m2m_trust::enrolment::{DebugStatus, EnrolmentStatus};
use m2m_trust::identity::{AuthorityId, Digest};

pub use decide::Applicant;

/// The file's name in the folder of an MEF.
pub const FILE_NAME: &str = "enrolment.toml";

/// The rules in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct EnrolmentPolicy {
    rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
struct Rule {
    name: String,
    profile: ProfileConditions,
    evidence: EvidenceConditions,
    scope: Scope,
    quota: u32,
    seconds: u64,
    authorities: Vec<AuthorityId>,
}

/// What the manufacturer must have vouched for.
#[derive(Debug, Clone, PartialEq)]
struct ProfileConditions {
    software_stability: u8,
    hardware_stability: u8,
    attack_resistance: u8,
    secure_environments: Option<Vec<SecureEnvironmentType>>,
    service_functions: Vec<String>,
    certifications: Option<Vec<(String, String)>>,
    models: Option<Vec<String>>,
}

/// What the node must have measured.
#[derive(Debug, Clone, PartialEq)]
struct EvidenceConditions {
    debug: Option<Vec<DebugStatus>>,
    measurements: Vec<(String, Vec<Digest>)>,
    others_allowed: bool,
}

/// How the policy decides.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict<'a> {
    /// Enrolled.
    Granted(Granted<'a>),
    /// Not enrolled.
    Refused {
        /// What the node is told.
        status: EnrolmentStatus,
        /// The rule that came closest.
        rule: Option<&'a str>,
        /// Its condition that does not hold, for the log.
        unmet: Option<String>,
    },
}

/// What a rule grants.
#[derive(Debug, Clone, PartialEq)]
pub struct Granted<'a> {
    /// The rule.
    pub rule: &'a str,
    /// At most this scope.
    pub scope: &'a Scope,
    /// Certificates in an epoch.
    pub quota: u32,
    /// Length of the subscription in seconds.
    pub seconds: u64,
    /// The AAs that the node may ask.
    pub authorities: &'a [AuthorityId],
}
