//! Enrolment: challenge, policy, credential.

use m2m_trust::aif::Scope;
use m2m_trust::enrolment::{Application, EnrolmentReceived, EnrolmentStatus, Terms};

use super::Mef;
use super::decision::Decision;
use super::log::Log;
use crate::enrolment_policy::{Applicant, Verdict};
use crate::problem::Problem;
use crate::random;

impl Mef {
    /// A new challenge, signed.
    pub(crate) fn challenge(&self) -> Result<Vec<u8>, Problem> {
        let now = self.clock.now();
        let (challenge, message) = self.enrolment().challenge(now, &mut random::system())?;
        self.store.remember_challenge(challenge, now)?;
        Ok(message)
    }

    /// The reply to a sealed request.
    pub(crate) fn enrol(&self, request: &[u8]) -> Result<Vec<u8>, Problem> {
        let now = self.clock.now();
        let log = Log::new(&*self.store);
        let received = self.enrolment().receive(request, now, &log);
        log.checked()?;
        match received {
            Ok(EnrolmentReceived::Repeated(reply)) => {
                self.journal.record(now, &Decision::Repeated { what: "enrolment" })?;
                Ok(reply)
            }
            Ok(EnrolmentReceived::Application(application)) => self.decide(&application),
            Err(error) => {
                let problem = Problem::from(error);
                let detail = problem.detail.clone();
                self.journal.record(now, &Decision::Refused { what: "enrolment", cause: problem.title, detail })?;
                Err(problem)
            }
        }
    }

    fn decide(&self, application: &Application) -> Result<Vec<u8>, Problem> {
        let now = self.clock.now();
        let device = &application.initial_credential.canonical_id;
        let applicant = Applicant::of(application);
        let verdict = if self.store.is_blocked(device)? {
            Verdict::Refused { status: EnrolmentStatus::Blocked, rule: None, unmet: None }
        } else {
            self.policy.decide(&applicant)
        };
        let rng = &mut random::system();
        let outcome = match &verdict {
            Verdict::Granted(terms) => {
                let terms = Terms {
                    scope: terms.scope.clone(),
                    quota: terms.quota,
                    seconds: terms.seconds,
                    authorities: terms.authorities.to_vec(),
                };
                self.enrolment().grant(application, &terms, now, rng)?
            }
            Verdict::Refused { status, .. } => self.enrolment().refuse(application, *status, now, rng)?,
        };
        let reply = self.store.commit_enrolment(&outcome, device, self.keep_enrolment(now))?;
        if reply != outcome.reply {
            // The same request was decided on another thread.
            self.journal.record(now, &Decision::Repeated { what: "enrolment" })?;
            return Ok(reply);
        }
        let issued = outcome.issued.as_ref();
        let (status, rule, unmet) = match &verdict {
            Verdict::Granted(terms) => (EnrolmentStatus::Granted, Some(terms.rule), None),
            Verdict::Refused { status, rule, unmet } => (*status, *rule, unmet.clone()),
        };
        let decision = Decision::Enrolment {
            status: status_name(status),
            device: device.to_string(),
            model: String::from_utf8_lossy(&application.initial_credential.hardware_model).into_owned(),
            rule,
            unmet,
            services: issued.map(|issued| self.names(&issued.scope)).unwrap_or_default(),
            quota: issued.map(|issued| issued.quota),
            subscription: issued.map(|issued| format!("{:?}", issued.id)),
        };
        self.journal.record(now, &decision)?;
        Ok(reply)
    }

    fn names(&self, scope: &Scope) -> Vec<String> {
        scope.operations().filter_map(|(service, bit)| self.domain.bundle.operation_name(service, bit)).collect()
    }
}

fn status_name(status: EnrolmentStatus) -> &'static str {
    match status {
        EnrolmentStatus::Granted => "granted",
        EnrolmentStatus::ProfileTooLow => "profile-too-low",
        EnrolmentStatus::MeasurementNotAllowed => "measurement-not-allowed",
        EnrolmentStatus::ServiceNotAllowed => "service-not-allowed",
        EnrolmentStatus::Blocked => "blocked",
    }
}
