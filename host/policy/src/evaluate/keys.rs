//! Keys: by alias, and in a handle by what was found out about its alias.

use crate::decision::{Cause, Decision, RuleId, Verdict};
use crate::policy::Policy;
use crate::rule::KeyGrant;
use crate::vocabulary::{Algorithm, KeyOperation, KeyOperations, Usage};

/// What may be done with a key, looked up once and kept in its handle for as long as the policy is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRights {
    rule: RuleId,
    operations: KeyOperations,
    /// Why what is not in `operations` is denied.
    missing: Cause,
}

impl KeyRights {
    /// Decides one operation as [`Policy::decide`] does, by one bit.
    #[inline]
    pub fn decide(&self, operation: KeyOperation) -> Decision {
        self.verdict(operation).decision
    }

    /// All that is allowed.
    pub fn operations(&self) -> KeyOperations {
        self.operations
    }

    /// The entry that it comes from.
    pub fn rule(&self) -> RuleId {
        self.rule
    }

    #[inline]
    fn verdict(&self, operation: KeyOperation) -> Verdict {
        Verdict::require(self.rule, self.operations.contains(operation), self.missing)
    }
}

impl Policy {
    /// The rights over the key with this alias; with `child`, over the keys made from it. `None` where no entry speaks of
    /// the alias, or of its children.
    pub fn key_rights(&self, alias: &str, child: bool) -> Option<KeyRights> {
        let (rule, grant) = self.key_grant(alias)?;
        if !child {
            return Some(KeyRights { rule, operations: grant.operations, missing: Cause::Operation });
        }
        let operations = grant.child?.operations;
        Some(KeyRights { rule, operations, missing: Cause::ChildOperation })
    }

    pub(super) fn generate(&self, alias: &str, algorithm: Algorithm, persistent: bool) -> Verdict {
        let Some((id, grant)) = self.key_grant(alias) else { return Verdict::NO_RULE };
        if !grant.generate {
            Verdict::deny(id, Cause::Operation)
        } else if !grant.algorithms.contains(algorithm) {
            Verdict::deny(id, Cause::Algorithm)
        } else {
            Verdict::require(id, grant.persistent || !persistent, Cause::Persistent)
        }
    }

    pub(super) fn key(&self, alias: &str, child: bool, operation: KeyOperation) -> Verdict {
        match (self.key_rights(alias, child), self.key_grant(alias)) {
            (Some(rights), _) => rights.verdict(operation),
            (None, Some((id, _))) => Verdict::deny(id, Cause::ChildOperation),
            (None, None) => Verdict::NO_RULE,
        }
    }

    pub(super) fn child(
        &self,
        alias: &str,
        child: bool,
        operation: KeyOperation,
        algorithm: Algorithm,
        usage: Usage,
    ) -> Verdict {
        let parent = self.key(alias, child, operation);
        if !parent.decision.is_allowed() {
            return parent;
        }
        let Some((id, grant)) = self.key_grant(alias) else { return Verdict::NO_RULE };
        let Some(limit) = grant.child else { return Verdict::deny(id, Cause::ChildOperation) };
        if !matches!(operation, KeyOperation::Agree | KeyOperation::Derive) {
            Verdict::deny(id, Cause::Operation)
        } else if !limit.algorithms.contains(algorithm) {
            Verdict::deny(id, Cause::ChildAlgorithm)
        } else {
            Verdict::require(id, limit.operations.usage().includes(usage), Cause::ChildUsage)
        }
    }

    fn key_grant(&self, alias: &str) -> Option<(RuleId, &KeyGrant)> {
        let id = self.index.key_entry(alias)?;
        Some((id, self.rule(id).keys()?))
    }
}
