//! Messages: by topic and filter.

use std::ops::ControlFlow;

use crate::decision::{Cause, Effect, RuleId, Verdict};
use crate::policy::Policy;
use crate::request::Sender;
use crate::rule::{PublishGrant, Rule, TopicScope};
use crate::topic::{FilterTree, Topic, TopicFilter};
use crate::vocabulary::Protection;

/// How a message is to be sent.
pub(super) struct Way<'a> {
    pub(super) protection: Protection,
    pub(super) service: Option<&'a str>,
    pub(super) retain: bool,
}

impl Policy {
    pub(super) fn publish(&self, topic: &Topic, size_bytes: usize, way: Way<'_>) -> Verdict {
        self.by_topic(&self.index.publish, topic, |id, rule| {
            let grant = rule.publish()?;
            Some(if grant.scope.excepts(topic) {
                Verdict::deny(id, Cause::Excepted)
            } else if !grant.protection.contains(way.protection) {
                Verdict::deny(id, Cause::Protection)
            } else if !self.is_service(grant, &way) {
                Verdict::deny(id, Cause::OtherService)
            } else if way.retain && !(grant.retain && way.protection == Protection::Local) {
                Verdict::deny(id, Cause::Retain)
            } else {
                within_size(id, size_bytes, grant.max_bytes)
            })
        })
    }

    /// Whether the message leaves under the service that is granted. An AE does not name one: its file does. A ceiling must
    /// be told which it is, where it names one itself.
    fn is_service(&self, grant: &PublishGrant, way: &Way<'_>) -> bool {
        let is_local = way.protection == Protection::Local;
        match (way.service, grant.service.as_deref()) {
            (None, None) => true,
            (None, Some(_)) => is_local || !self.is_ceiling(),
            (Some(service), granted) => !is_local && granted.is_none_or(|granted| granted == service),
        }
    }

    pub(super) fn ask(&self, topic: &Topic, size_bytes: usize, timeout_ms: u32) -> Verdict {
        self.by_topic(&self.index.request, topic, |id, rule| {
            let grant = rule.request()?;
            Some(if grant.scope.excepts(topic) {
                Verdict::deny(id, Cause::Excepted)
            } else if timeout_ms > grant.max_timeout_ms {
                Verdict::deny(id, Cause::Timeout)
            } else {
                within_size(id, size_bytes, grant.max_bytes)
            })
        })
    }

    pub(super) fn deliver_answer(&self, topic: &Topic) -> Verdict {
        self.by_topic(&self.index.request, topic, |id, rule| {
            Some(Verdict::require(id, !rule.request()?.scope.excepts(topic), Cause::Excepted))
        })
    }

    pub(super) fn reply(&self, topic: &Topic, size_bytes: usize) -> Verdict {
        self.by_topic(&self.index.subscribe, topic, |id, rule| {
            let grant = rule.subscribe()?;
            Some(if grant.scope.excepts(topic) {
                Verdict::deny(id, Cause::Excepted)
            } else if !grant.reply {
                Verdict::deny(id, Cause::Reply)
            } else {
                within_size(id, size_bytes, grant.max_reply_bytes)
            })
        })
    }

    pub(super) fn deliver(&self, topic: &Topic, sender: Sender<'_>, protection: Protection) -> Verdict {
        self.by_topic(&self.index.subscribe, topic, |id, rule| {
            let grant = rule.subscribe()?;
            Some(if grant.scope.excepts(topic) {
                Verdict::deny(id, Cause::Excepted)
            } else if grant.accepts(sender, protection) {
                Verdict::allow(id)
            } else {
                let is_known = grant.from.iter().any(|pattern| pattern.accepts(sender));
                Verdict::deny(id, if is_known { Cause::SenderProtection } else { Cause::Sender })
            })
        })
    }

    /// A filter is granted as a whole; what a grant excepts is held back at delivery.
    pub(super) fn subscribe(&self, filter: &TopicFilter) -> Verdict {
        let mut best = Verdict::NO_RULE;
        let allowed = self.index.subscribe.find_covering(filter, |&id| {
            let Some(grant) = self.rule(id).subscribe() else { return ControlFlow::Continue(()) };
            settle(&mut best, Verdict::require(id, !takes_out(&grant.scope, filter), Cause::Excepted))
        });
        allowed.unwrap_or(best)
    }

    /// Asks `judge` about every rule whose filter matches, until one allows.
    fn by_topic(
        &self,
        tree: &FilterTree<RuleId>,
        topic: &Topic,
        judge: impl Fn(RuleId, &Rule) -> Option<Verdict>,
    ) -> Verdict {
        let mut best = Verdict::NO_RULE;
        let allowed = tree.find_match(topic, |&id| match judge(id, self.rule(id)) {
            Some(verdict) => settle(&mut best, verdict),
            None => ControlFlow::Continue(()),
        });
        allowed.unwrap_or(best)
    }
}

/// Breaks off with a verdict that allows; else keeps in `best` the one to name if none does.
fn settle(best: &mut Verdict, verdict: Verdict) -> ControlFlow<Verdict> {
    if verdict.decision.is_allowed() {
        return ControlFlow::Break(verdict);
    }
    let is_better = match (verdict.decision.effect, best.decision.effect) {
        (Effect::TooLarge { max_bytes }, Effect::TooLarge { max_bytes: known }) => max_bytes > known,
        (Effect::TooLarge { .. }, _) => true,
        _ => best.decision.rule.is_none(),
    };
    if is_better {
        *best = verdict;
    }
    ControlFlow::Continue(())
}

fn within_size(id: RuleId, size_bytes: usize, max_bytes: u32) -> Verdict {
    if u32::try_from(size_bytes).is_ok_and(|size| size <= max_bytes) {
        Verdict::allow(id)
    } else {
        Verdict::too_large(id, max_bytes)
    }
}

/// Whether nothing of `filter` is left after the exceptions.
fn takes_out(scope: &TopicScope, filter: &TopicFilter) -> bool {
    scope.except.iter().any(|except| except.covers(filter))
}
