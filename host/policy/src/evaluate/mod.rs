//! The evaluator: the only code that says whether a request is within a policy.
//!
//! INVARIANT (deny by default): `Allow` comes with the rule that grants it; where no rule speaks of a request it is denied.
//! INVARIANT (one evaluator): `decide`, `explain`, `key_rights` and the `[[test]]`s of a file all end in the functions here.

mod keys;
mod messages;

use crate::decision::{Cause, Decision, RuleId, Verdict};
use crate::policy::Policy;
use crate::request::Request;
use crate::rule::{AuthorizationGrant, Grant};
use crate::vocabulary::{LogLevel, Protection, StatelessOperation};

pub use keys::KeyRights;
use messages::Way;

impl Policy {
    /// Decides a request. Allocates nothing; the steps do not grow with the number of rules.
    ///
    /// Of several message grants that fit, one that allows wins, the more specific first (a name before `+` before `#`,
    /// level by level); where none allows, one that only finds the payload too large is named, else the most specific.
    /// Of several key entries, the most specific alone counts, so that a narrow entry can be stricter than a wide one.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        self.verdict(request).decision
    }

    pub(crate) fn verdict(&self, request: &Request<'_>) -> Verdict {
        match *request {
            Request::Publish { topic, size_bytes, protection, service, retain } => {
                self.publish(topic, size_bytes, Way { protection, service, retain })
            }
            Request::SendToPeer { topic, size_bytes, service } => {
                self.publish(topic, size_bytes, Way { protection: Protection::Confidential, service, retain: false })
            }
            Request::Ask { topic, size_bytes, timeout_ms } => self.ask(topic, size_bytes, timeout_ms),
            Request::DeliverAnswer { topic } => self.deliver_answer(topic),
            Request::Reply { topic, size_bytes } => self.reply(topic, size_bytes),
            Request::Deliver { topic, sender, protection } => self.deliver(topic, sender, protection),
            Request::Subscribe { filter } | Request::Unsubscribe { filter } => self.subscribe(filter),
            Request::Generate { alias, algorithm, persistent } => self.generate(alias, algorithm, persistent),
            Request::Key { alias, child, operation } => self.key(alias, child, operation),
            Request::Child { alias, child, operation, algorithm, usage } => {
                self.child(alias, child, operation, algorithm, usage)
            }
            Request::Aliases => only(self.index.any_keys),
            Request::Stateless(operation) => self.stateless(operation),
            Request::Log { level } => self.log(level),
            Request::Clock => only(self.index.clocks),
            Request::Services => only(self.index.authorization),
            Request::Service { name } => self.service(name),
            Request::ChangePseudonym => self.change_pseudonym(),
        }
    }

    fn stateless(&self, operation: StatelessOperation) -> Verdict {
        match self.index.stateless.map(|id| (id, self.rule(id).grant())) {
            Some((id, Grant::Stateless(allowed))) => {
                Verdict::require(id, allowed.contains(operation), Cause::Operation)
            }
            _ => Verdict::NO_RULE,
        }
    }

    fn log(&self, level: LogLevel) -> Verdict {
        match self.index.logging.map(|id| (id, self.rule(id).grant())) {
            Some((id, Grant::Logging(least))) => Verdict::require(id, level >= *least, Cause::Level),
            _ => Verdict::NO_RULE,
        }
    }

    fn service(&self, name: &str) -> Verdict {
        let Some((id, grant)) = self.authorization() else { return Verdict::NO_RULE };
        let is_named = grant.services.binary_search_by(|service| (**service).cmp(name)).is_ok();
        Verdict::require(id, is_named, Cause::Service)
    }

    fn change_pseudonym(&self) -> Verdict {
        let Some((id, grant)) = self.authorization() else { return Verdict::NO_RULE };
        Verdict::require(id, grant.change_pseudonym, Cause::ChangePseudonym)
    }

    fn authorization(&self) -> Option<(RuleId, &AuthorizationGrant)> {
        let id = self.index.authorization?;
        Some((id, self.rule(id).authorization()?))
    }
}

/// Allowed by the mere presence of a rule.
fn only(rule: Option<RuleId>) -> Verdict {
    rule.map_or(Verdict::NO_RULE, Verdict::allow)
}
