//! Reading `enrolment.toml`. What is not understood, or could never hold, is an error with its place.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use m2m_trust::aif::Scope;
use m2m_trust::bundle::{Role, TrustBundle};
use m2m_trust::credential::SecureEnvironmentType;
use m2m_trust::enrolment::DebugStatus;
use m2m_trust::identity::{AuthorityId, Digest};
use serde::Deserialize;
use toml::Spanned;

use super::{EnrolmentPolicy, EvidenceConditions, ProfileConditions, Rule};
use crate::settings::humantime_text;
use crate::snippet::{self, FileError};

const LEVEL_MAX: u8 = 4;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    #[serde(default)]
    rule: Vec<RuleEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleEntry {
    name: Spanned<String>,
    reason: Spanned<String>,
    #[serde(default)]
    software_stability: Option<Spanned<u8>>,
    #[serde(default)]
    hardware_stability: Option<Spanned<u8>>,
    #[serde(default)]
    attack_resistance: Option<Spanned<u8>>,
    secure_environments: Option<Vec<SecureEnvironmentName>>,
    #[serde(default)]
    service_functions: Vec<String>,
    certifications: Option<Vec<CertificationEntry>>,
    models: Option<Vec<String>>,
    debug: Option<Vec<DebugName>>,
    #[serde(default)]
    measurements: BTreeMap<String, Vec<Spanned<String>>>,
    other_measurements: Option<OtherMeasurements>,
    services: Vec<Spanned<String>>,
    quota: Spanned<u32>,
    term: Spanned<String>,
    authorities: Option<Vec<Spanned<String>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SecureEnvironmentName {
    Uicc,
    SecureElement,
    Tee,
    Library,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DebugName {
    Enabled,
    Disabled,
    DisabledSinceBoot,
    DisabledPermanently,
    DisabledFullyAndPermanently,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum OtherMeasurements {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificationEntry {
    registrar: String,
    platform: String,
}

/// Where errors are shown, and what names mean.
struct Reader<'a> {
    file_name: &'a str,
    text: &'a str,
    bundle: &'a TrustBundle,
}

impl EnrolmentPolicy {
    /// Reads a file; services and AAs must be in the bundle.
    ///
    /// # Errors
    /// [`FileError`] with the place.
    pub fn read(path: &Path, bundle: &TrustBundle) -> Result<Self, FileError> {
        Self::parse(&path.display().to_string(), &snippet::text(path)?, bundle)
    }

    /// Reads text; `file_name` is for errors.
    ///
    /// # Errors
    /// [`FileError`] with the place.
    pub fn parse(file_name: &str, text: &str, bundle: &TrustBundle) -> Result<Self, FileError> {
        let file: PolicyFile = snippet::parse(file_name, text)?;
        let reader = Reader { file_name, text, bundle };
        let mut names = HashSet::new();
        for rule in &file.rule {
            if !names.insert(rule.name.as_ref()) {
                return Err(reader.at(&rule.name, "a second rule of this name"));
            }
        }
        let rules = file.rule.iter().map(|rule| reader.rule(rule)).collect::<Result<_, _>>()?;
        Ok(Self { rules })
    }
}

impl Reader<'_> {
    fn at<T>(&self, value: &Spanned<T>, message: &str) -> FileError {
        snippet::at(self.file_name, self.text, value.span(), message)
    }

    fn rule(&self, entry: &RuleEntry) -> Result<Rule, FileError> {
        if entry.reason.as_ref().trim().is_empty() {
            return Err(self.at(&entry.reason, "every rule has a reason"));
        }
        if *entry.quota.as_ref() == 0 {
            return Err(self.at(&entry.quota, "a quota of 0 grants nothing; leave the rule out"));
        }
        let term = humantime_text::parse(entry.term.as_ref()).map_err(|message| self.at(&entry.term, &message))?;
        Ok(Rule {
            name: entry.name.as_ref().clone(),
            profile: self.profile(entry)?,
            evidence: self.evidence(entry)?,
            scope: self.scope(entry)?,
            quota: *entry.quota.as_ref(),
            seconds: term.as_secs(),
            authorities: self.authorities(entry)?,
        })
    }

    fn profile(&self, entry: &RuleEntry) -> Result<ProfileConditions, FileError> {
        let pair = |entry: &CertificationEntry| (entry.registrar.clone(), entry.platform.clone());
        let environments = entry.secure_environments.as_ref();
        Ok(ProfileConditions {
            software_stability: self.level(entry.software_stability.as_ref())?,
            hardware_stability: self.level(entry.hardware_stability.as_ref())?,
            attack_resistance: self.level(entry.attack_resistance.as_ref())?,
            secure_environments: environments.map(|names| names.iter().map(SecureEnvironmentName::meaning).collect()),
            service_functions: entry.service_functions.clone(),
            certifications: entry.certifications.as_ref().map(|all| all.iter().map(pair).collect()),
            models: entry.models.clone(),
        })
    }

    fn level(&self, level: Option<&Spanned<u8>>) -> Result<u8, FileError> {
        match level {
            Some(level) if *level.as_ref() > LEVEL_MAX => Err(self.at(level, "a level is 0 to 4")),
            level => Ok(level.map_or(0, |level| *level.as_ref())),
        }
    }

    fn evidence(&self, entry: &RuleEntry) -> Result<EvidenceConditions, FileError> {
        let measurements = entry.measurements.iter().map(|(name, allowed)| {
            let digests: Result<Vec<_>, _> = allowed.iter().map(|digest| self.digest(digest)).collect();
            Ok((name.clone(), digests?))
        });
        Ok(EvidenceConditions {
            debug: entry.debug.as_ref().map(|names| names.iter().map(DebugName::meaning).collect()),
            measurements: measurements.collect::<Result<_, FileError>>()?,
            others_allowed: entry.other_measurements != Some(OtherMeasurements::Deny),
        })
    }

    fn digest(&self, text: &Spanned<String>) -> Result<Digest, FileError> {
        let mut digest = [0; 32];
        let hexadecimal = text.as_ref().strip_prefix("sha256:");
        match hexadecimal.map(|hexadecimal| hex::decode_to_slice(hexadecimal, &mut digest)) {
            Some(Ok(())) => Ok(Digest(digest)),
            _ => Err(self.at(text, "expected `sha256:` and 64 hexadecimal digits")),
        }
    }

    fn scope(&self, entry: &RuleEntry) -> Result<Scope, FileError> {
        let mut scope = Scope::empty();
        for name in &entry.services {
            let found = self.bundle.operation(name.as_ref());
            let message = "no such operation in the trust bundle: expected `service/operation`";
            let (service, operation) = found.ok_or_else(|| self.at(name, message))?;
            scope = scope.with(service, operation);
        }
        Ok(scope)
    }

    fn authorities(&self, entry: &RuleEntry) -> Result<Vec<AuthorityId>, FileError> {
        let all = || {
            let all = self.bundle.authorities.iter().filter(|authority| authority.role == Role::Authorization);
            all.map(|authority| authority.id.clone()).collect()
        };
        let Some(names) = &entry.authorities else { return Ok(all()) };
        let known = |name: &Spanned<String>| {
            let id = AuthorityId::parse(name.as_ref()).ok();
            let id = id.filter(|id| self.bundle.authority(Role::Authorization, id).is_some());
            id.ok_or_else(|| self.at(name, "no such AA in the trust bundle"))
        };
        names.iter().map(known).collect()
    }
}

impl SecureEnvironmentName {
    fn meaning(&self) -> SecureEnvironmentType {
        match self {
            Self::Uicc => SecureEnvironmentType::Uicc,
            Self::SecureElement => SecureEnvironmentType::SecureElement,
            Self::Tee => SecureEnvironmentType::TrustedExecution,
            Self::Library => SecureEnvironmentType::Library,
        }
    }
}

impl DebugName {
    fn meaning(&self) -> DebugStatus {
        match self {
            Self::Enabled => DebugStatus::Enabled,
            Self::Disabled => DebugStatus::Disabled,
            Self::DisabledSinceBoot => DebugStatus::DisabledSinceBoot,
            Self::DisabledPermanently => DebugStatus::DisabledPermanently,
            Self::DisabledFullyAndPermanently => DebugStatus::DisabledFullyAndPermanently,
        }
    }
}
