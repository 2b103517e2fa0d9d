//! The one place where the policy is asked. [`Mediator::mediate`] turns an operation into a [`Permit`] for it, or refuses;
//! a service does nothing without a permit, so there is no way around.
//!
//! Right = capability file ∩ node ceiling, and for what leaves the node ∩ what the node's own subscription and certificates
//! allow. What was decided stands in the audit before it has an effect.

pub mod operation;
mod rates;
mod refusal;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use m2m_policy::topic::Topic;
use m2m_policy::{Effect, Policy, Protection, Request, Rule, RuleId};
use m2m_provisioning::{NoRight, Rights};

pub use refusal::{CallError, Denial, NO_WAIT_HELPS, Refusal};

use crate::audit::{self, Audit, Recorder, RuleKey};
use crate::transport::message::Sender;
use operation::{Counted, Deliver, Listed, Operation};
use rates::Rates;

/// Evidence that one operation was decided and recorded. Made by [`Mediator`] alone.
///
/// ```compile_fail
/// use m2m_host::capability::{Permit, operation::ReadClock};
/// let forged = Permit { operation: ReadClock };
/// ```
#[derive(Debug)]
pub struct Permit<O> {
    operation: O,
    policy: Arc<Policy>,
    rule: RuleId,
}

impl<O> Permit<O> {
    /// What is permitted.
    pub fn operation(&self) -> &O {
        &self.operation
    }

    /// The rule of the capability file that permits it, for the settings that it carries.
    pub fn rule(&self) -> &Rule {
        self.policy.rule(self.rule)
    }

    /// The policy that decided, where a result is to be narrowed by it.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// Which of the two files a rule stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    CapabilityFile,
    Ceiling,
}

/// What a node without `[trust]` answers to what would leave it.
const NO_TRUST: &str = "the node takes part in no M2M system: its `node.toml` has no `[trust]`";

/// Decides for one AE. Outlives the AE's instances, and its rates with it.
pub struct Mediator {
    policy: Arc<Policy>,
    ceiling: Arc<Policy>,
    /// The node's own; `None` where it takes part in no M2M system.
    rights: Option<Arc<dyn Rights>>,
    rates: Mutex<Rates>,
    recorder: Recorder,
    audit: Audit,
}

impl Mediator {
    /// For the AE whose capability file `policy` is. `rights` are those of the node itself.
    pub fn new(
        policy: Arc<Policy>,
        ceiling: Arc<Policy>,
        rights: Option<Arc<dyn Rights>>,
        audit: &Audit,
        ae: &str,
    ) -> Self {
        Self { policy, ceiling, rights, rates: Mutex::default(), recorder: audit.recorder(ae), audit: audit.clone() }
    }

    /// Decides an operation that is counted in the audit.
    ///
    /// # Errors
    /// [`Refusal::Denied`], [`Refusal::TooLarge`] or [`Refusal::Exhausted`], each recorded.
    pub fn mediate<O: Counted>(&self, operation: O) -> Result<Permit<O>, Refusal> {
        let rule = self.decide(&operation.request())?;
        let counted_under: RuleKey = (Origin::CapabilityFile as u8, u32::try_from(rule.index()).unwrap_or(u32::MAX));
        self.recorder.count(operation.request().operation(), Some(counted_under), || self.policy.location(rule));
        Ok(self.permit(operation, rule))
    }

    /// Decides an operation that has a line of its own in the audit, and waits until that is durable.
    ///
    /// # Errors
    /// As [`Mediator::mediate`], and [`Refusal::Unavailable`] while the audit cannot be written.
    pub async fn mediate_listed<O: Listed>(&self, operation: O) -> Result<Permit<O>, Refusal> {
        let rule = self.decide(&operation.request())?;
        let unavailable = |error: audit::AppendError| Refusal::Unavailable(error.to_string());
        let ticket = self.list(&operation.request(), rule).map_err(unavailable)?;
        self.audit.durable(ticket).await.map_err(unavailable)?;
        Ok(self.permit(operation, rule))
    }

    /// Whether [`Mediator::mediate`] would let a message be delivered, so that what it would not never takes up room. A
    /// refusal is counted and not listed: it is the sender's doing, and must not crowd out the receiver's own lines.
    pub(crate) fn would_deliver(&self, topic: &Topic, sender: &Sender, protection: Protection) -> bool {
        let deliver = Deliver { topic, sender, protection };
        let request = deliver.request();
        let refusing = [&self.policy, &self.ceiling].into_iter().find(|policy| !policy.decide(&request).is_allowed());
        let Some(policy) = refusing else { return true };
        let rule = policy.decide(&request).rule.map(|rule| policy.location(rule));
        self.recorder.count_refused(request.operation(), audit::Effect::Deny, rule);
        false
    }

    /// Whether the AE may ask for this service, and so may know of it. Recorded nowhere: it narrows an answer.
    pub(crate) fn may_know_of(&self, service: &str) -> bool {
        let request = Request::Service { name: service };
        [&self.policy, &self.ceiling].iter().all(|policy| policy.decide(&request).is_allowed())
    }

    /// What the AE was allowed and denied so far.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(crate) fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    fn decide(&self, request: &Request<'_>) -> Result<RuleId, Refusal> {
        let granted = self.ask(&self.policy, request)?;
        let within = self.ask(&self.ceiling, &request.under(self.policy.rule(granted)))?;
        self.check_rights_of_node(request, granted)?;
        self.take(Origin::CapabilityFile, &self.policy, granted, request)?;
        self.take(Origin::Ceiling, &self.ceiling, within, request)?;
        Ok(granted)
    }

    fn ask(&self, policy: &Policy, request: &Request<'_>) -> Result<RuleId, Refusal> {
        let decision = policy.decide(request);
        match (decision.effect, decision.rule) {
            (Effect::Allow, Some(rule)) => Ok(rule),
            (Effect::TooLarge { max_bytes }, rule) => {
                self.refuse(policy, request, audit::Effect::TooLarge, rule);
                Err(Refusal::TooLarge { max_bytes })
            }
            // An allow without a rule does not exist; if it did, it would be none.
            (Effect::Deny | Effect::Allow, rule) => {
                let rule = self.refuse(policy, request, audit::Effect::Deny, rule);
                let (operation, subject) = (request.operation(), request.subject().to_owned());
                Err(Refusal::Denied(Denial { operation, subject, rule }))
            }
        }
    }

    /// INVARIANT (way out): what leaves the node does so under a service that its rule names and its certificates cover.
    fn check_rights_of_node(&self, request: &Request<'_>, granted: RuleId) -> Result<(), Refusal> {
        if !leaves_the_node(request) {
            return Ok(());
        }
        let service = self.policy.rule(granted).publish().and_then(|grant| grant.service.as_deref());
        let missing = match (&self.rights, service) {
            (Some(rights), Some(service)) => match rights.may_send(service) {
                Ok(()) => return Ok(()),
                Err(missing) => missing,
            },
            (None, _) => return Err(self.refuse_for_now(request, granted, NO_TRUST.to_owned())),
            // The parser lets no such rule in.
            (Some(_), None) => NoRight::NotSubscribed(String::new()),
        };
        if missing.is_temporary() {
            return Err(self.refuse_for_now(request, granted, missing.to_string()));
        }
        let (operation, place, why) = (request.operation(), self.policy.location(granted), missing.to_string());
        let effect = audit::Effect::Deny;
        let call = audit::Call { operation, subject: request.subject(), effect, rule: Some(&place), text: Some(&why) };
        if self.recorder.deny(call) {
            let ae = self.recorder.ae();
            tracing::warn!(target: "m2m_host::capability", ae, "`{operation}` on `{}`: {why}", request.subject());
        }
        let subject = service.unwrap_or_default().to_owned();
        Err(Refusal::Denied(Denial { operation, subject, rule: Some(place) }))
    }

    /// Counted and not listed: while the node is not authorized every reading of a meter ends so, and `status` says why.
    fn refuse_for_now(&self, request: &Request<'_>, granted: RuleId, why: String) -> Refusal {
        let rule = Some(self.policy.location(granted));
        self.recorder.count_refused(request.operation(), audit::Effect::Unavailable, rule);
        Refusal::Unavailable(why)
    }

    fn take(&self, origin: Origin, policy: &Policy, rule: RuleId, request: &Request<'_>) -> Result<(), Refusal> {
        // What ends a request was paid for when it was asked.
        let is_answer = matches!(request, Request::DeliverAnswer { .. });
        let Some(rate) = policy.rule(rule).rate().filter(|_| !is_answer) else { return Ok(()) };
        let taken = {
            let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
            rates.take((origin, rule, request.operation()), rate, Instant::now())
        };
        taken.map_err(|retry_ms| {
            self.refuse(policy, request, audit::Effect::Exhausted, Some(rule));
            Refusal::Exhausted { retry_ms }
        })
    }

    /// Into the audit, and into the log with the evaluator's own words while the audit lists it. Gives the rule's place.
    fn refuse(
        &self,
        policy: &Policy,
        request: &Request<'_>,
        effect: audit::Effect,
        rule: Option<RuleId>,
    ) -> Option<String> {
        let (operation, subject) = (request.operation(), request.subject());
        let place = rule.map(|rule| policy.location(rule));
        let call = audit::Call { operation, subject, effect, rule: place.as_deref(), text: None };
        if self.recorder.deny(call) && effect == audit::Effect::Deny {
            let ae = self.recorder.ae();
            tracing::warn!(target: "m2m_host::capability", ae, "{}", policy.explain(request));
        }
        place
    }

    fn list(&self, request: &Request<'_>, rule: RuleId) -> Result<audit::Ticket, audit::AppendError> {
        let place = self.policy.location(rule);
        self.recorder.list(audit::Call {
            operation: request.operation(),
            subject: request.subject(),
            effect: audit::Effect::Allow,
            rule: Some(&place),
            text: None,
        })
    }

    fn permit<O>(&self, operation: O, rule: RuleId) -> Permit<O> {
        Permit { operation, policy: Arc::clone(&self.policy), rule }
    }
}

fn leaves_the_node(request: &Request<'_>) -> bool {
    match request {
        Request::Publish { protection, .. } => *protection != Protection::Local,
        Request::SendToPeer { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
