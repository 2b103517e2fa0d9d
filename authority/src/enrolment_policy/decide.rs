//! The decision: pure.

use m2m_trust::aif::Scope;
use m2m_trust::credential::InitialCredential;
use m2m_trust::enrolment::{Application, EnrolmentStatus, Evidence};

use super::{EnrolmentPolicy, EvidenceConditions, Granted, ProfileConditions, Rule, Verdict};

/// Who asks for what, verified.
#[derive(Debug, Clone, Copy)]
pub struct Applicant<'a> {
    /// What the manufacturer vouches for.
    pub credential: &'a InitialCredential,
    /// The state of the node.
    pub evidence: &'a Evidence,
    /// What it asks for.
    pub wanted: &'a Scope,
}

impl<'a> Applicant<'a> {
    /// Of a verified request.
    #[must_use]
    pub fn of(application: &'a Application) -> Self {
        Self {
            credential: &application.initial_credential,
            evidence: &application.evidence,
            wanted: &application.wanted,
        }
    }
}

/// A condition that does not hold, and how far a rule came.
struct Unmet {
    status: EnrolmentStatus,
    stage: u8,
    what: String,
}

impl EnrolmentPolicy {
    /// Decides by the first rule whose conditions all hold.
    ///
    /// INVARIANT (deny by default): without such a rule the node is refused, with the status of the rule that came furthest in the
    /// order profile, evidence, services; the first of several.
    #[must_use]
    pub fn decide(&self, applicant: &Applicant<'_>) -> Verdict<'_> {
        let mut closest: Option<(&Rule, Unmet)> = None;
        for rule in &self.rules {
            match rule.check(applicant) {
                Ok(()) => return Verdict::Granted(rule.granted()),
                Err(unmet) => {
                    if closest.as_ref().is_none_or(|(_, before)| unmet.stage > before.stage) {
                        closest = Some((rule, unmet));
                    }
                }
            }
        }
        match closest {
            Some((rule, unmet)) => {
                Verdict::Refused { status: unmet.status, rule: Some(&rule.name), unmet: Some(unmet.what) }
            }
            None => Verdict::Refused { status: EnrolmentStatus::ServiceNotAllowed, rule: None, unmet: None },
        }
    }
}

impl Rule {
    fn granted(&self) -> Granted<'_> {
        Granted {
            rule: &self.name,
            scope: &self.scope,
            quota: self.quota,
            seconds: self.seconds,
            authorities: &self.authorities,
        }
    }

    fn check(&self, applicant: &Applicant<'_>) -> Result<(), Unmet> {
        let at = |status, stage| move |what| Unmet { status, stage, what };
        self.profile.check(applicant.credential).map_err(at(EnrolmentStatus::ProfileTooLow, 0))?;
        self.evidence.check(applicant.evidence).map_err(at(EnrolmentStatus::MeasurementNotAllowed, 1))?;
        if self.scope.intersection(applicant.wanted).is_empty() {
            return Err(at(EnrolmentStatus::ServiceNotAllowed, 2)("services: none of those asked for".to_owned()));
        }
        Ok(())
    }
}

fn hold(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

impl ProfileConditions {
    fn check(&self, credential: &InitialCredential) -> Result<(), String> {
        let profile = &credential.profile;
        let levels = [
            ("software-stability", profile.software_stability, self.software_stability),
            ("hardware-stability", profile.hardware_stability, self.hardware_stability),
            ("attack-resistance", profile.attack_resistance, self.attack_resistance),
        ];
        for (name, found, least) in levels {
            hold(found >= least, || format!("{name}: {found}, expected at least {least}"))?;
        }
        let environment = profile.secure_environment;
        let environments = self.secure_environments.as_ref();
        hold(environments.is_none_or(|allowed| allowed.contains(&environment)), || {
            format!("secure-environments: {environment:?}")
        })?;
        for function in &self.service_functions {
            hold(profile.service_functions.contains(function), || format!("service-functions: no `{function}`"))?;
        }
        let certified = |(registrar, platform): &(String, String)| {
            let certifications = credential.certifications.iter().flatten();
            certifications.into_iter().any(|found| found.registrar == *registrar && found.platform == *platform)
        };
        let certifications = self.certifications.as_ref();
        hold(certifications.is_none_or(|any| any.iter().any(certified)), || "certifications: none of them".to_owned())?;
        let model = credential.hardware_model.0.as_slice();
        let models = self.models.as_ref();
        hold(models.is_none_or(|models| models.iter().any(|allowed| allowed.as_bytes() == model)), || {
            format!("models: `{}`", String::from_utf8_lossy(model).escape_debug())
        })
    }
}

impl EvidenceConditions {
    fn check(&self, evidence: &Evidence) -> Result<(), String> {
        let debug = evidence.debug;
        hold(self.debug.as_ref().is_none_or(|allowed| allowed.contains(&debug)), || format!("debug: {debug:?}"))?;
        let measured = &evidence.measurements.0;
        for (name, allowed) in &self.measurements {
            let mut found = measured.iter().filter(|found| found.name == *name).peekable();
            hold(found.peek().is_some(), || format!("measurements: no `{name}`"))?;
            hold(found.all(|found| allowed.contains(&found.digest)), || format!("measurements: `{name}` differs"))?;
        }
        let named = |name: &str| self.measurements.iter().any(|(listed, _)| listed == name);
        let other = measured.iter().find(|found| !self.others_allowed && !named(&found.name));
        other.map_or(Ok(()), |other| Err(format!("measurements: `{}` is not listed", other.name.escape_debug())))
    }
}
