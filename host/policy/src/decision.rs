//! What a policy answers.

use serde::Serialize;

/// Which rule of one policy, by its place in [`Policy::rules`](crate::Policy::rules). Meaningless in any other policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RuleId(pub(crate) u32);

impl RuleId {
    /// The place in [`Policy::rules`](crate::Policy::rules), from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Whether a call may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Effect {
    /// It may.
    Allow,
    /// It may not.
    Deny,
    /// It could, were it smaller.
    TooLarge {
        /// The largest payload that the rule takes.
        max_bytes: u32,
    },
}

/// An effect and the rule that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decision {
    /// Allow, deny, or too large.
    pub effect: Effect,
    /// The rule that allowed, or the most specific one that spoke of the subject and did not allow. Absent when no rule
    /// speaks of it: then the effect is always [`Effect::Deny`].
    pub rule: Option<RuleId>,
}

impl Decision {
    /// What nothing allows is denied.
    pub const DENY: Self = Self { effect: Effect::Deny, rule: None };

    /// Whether the effect is [`Effect::Allow`].
    #[inline]
    pub fn is_allowed(self) -> bool {
        self.effect == Effect::Allow
    }
}

/// A decision and why, as the evaluator finds it. [`Policy::decide`](crate::Policy::decide) gives the first,
/// [`Policy::explain`](crate::Policy::explain) puts both into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) decision: Decision,
    pub(crate) cause: Cause,
}

/// The condition that settled a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Every condition of the rule holds.
    Granted,
    /// No rule speaks of the subject.
    NoRule,
    /// A rule's `except` takes the topic out.
    Excepted,
    /// Over `max-size`.
    Size,
    /// The rule grants another protection.
    Protection,
    /// The rule is about another service.
    OtherService,
    /// `retain` is not granted.
    Retain,
    /// Over `max-timeout`.
    Timeout,
    /// `reply` is not granted.
    Reply,
    /// The sender is not in `from`.
    Sender,
    /// The sender is in `from`, with another protection.
    SenderProtection,
    /// The operation is not in `allow`.
    Operation,
    /// The operation is not in the `allow` of `child`.
    ChildOperation,
    /// The algorithm is not in `algorithm`.
    Algorithm,
    /// The algorithm is not in the `algorithm` of `child`.
    ChildAlgorithm,
    /// The usage goes past the `allow` of `child`.
    ChildUsage,
    /// `persistent = false`.
    Persistent,
    /// Below `level`.
    Level,
    /// The service is not in `services`.
    Service,
    /// `change-pseudonym` is not granted.
    ChangePseudonym,
}

impl Verdict {
    pub(crate) const NO_RULE: Self = Self { decision: Decision::DENY, cause: Cause::NoRule };

    #[inline]
    pub(crate) fn allow(rule: RuleId) -> Self {
        Self { decision: Decision { effect: Effect::Allow, rule: Some(rule) }, cause: Cause::Granted }
    }

    #[inline]
    pub(crate) fn deny(rule: RuleId, cause: Cause) -> Self {
        Self { decision: Decision { effect: Effect::Deny, rule: Some(rule) }, cause }
    }

    pub(crate) fn too_large(rule: RuleId, max_bytes: u32) -> Self {
        Self { decision: Decision { effect: Effect::TooLarge { max_bytes }, rule: Some(rule) }, cause: Cause::Size }
    }

    /// Allow when `condition` holds, else deny for `cause`.
    #[inline]
    pub(crate) fn require(rule: RuleId, condition: bool, cause: Cause) -> Self {
        if condition { Self::allow(rule) } else { Self::deny(rule, cause) }
    }
}
