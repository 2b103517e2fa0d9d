//! A capability file that has been read and compiled.

use crate::decision::RuleId;
use crate::diagnostic::{PolicyError, Warning};
use crate::index::Index;
use crate::limits::Limits;
use crate::rule::{Grant, Rule};
use crate::vocabulary::Interface;

/// The rights of one AE, or the ceiling of a node. Comes from [`Policy::parse`] alone, so it is always whole.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) file_name: Box<str>,
    pub(crate) scope: Scope,
    pub(crate) rules: Box<[Rule]>,
    pub(crate) index: Index,
    pub(crate) warnings: Vec<Warning>,
}

/// Whom the file is about.
#[derive(Debug, Clone)]
pub(crate) enum Scope {
    Ae {
        name: Box<str>,
        component_digest: Option<[u8; 32]>,
        limits: Limits,
    },
    /// The most that any AE of the node may do. It limits rights, so resources are none of its business.
    Ceiling {
        limits: Limits,
    },
}

impl Policy {
    /// Reads a capability file and runs its `[[test]]`s. `file_name` is only for messages.
    ///
    /// # Errors
    /// Everything that is wrong with the file, each at its place. Nothing of a faulty file is ever in force.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, PolicyError> {
        crate::parse::parse(file_name, text)
    }

    /// As it was given to [`Self::parse`].
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The AE that the file is for; `None` for a ceiling.
    pub fn ae(&self) -> Option<&str> {
        match &self.scope {
            Scope::Ae { name, .. } => Some(name),
            Scope::Ceiling { .. } => None,
        }
    }

    /// Whether the file is a node's ceiling.
    pub fn is_ceiling(&self) -> bool {
        matches!(self.scope, Scope::Ceiling { .. })
    }

    /// SHA-256 of the component that the file is for, where it names one.
    pub fn component_digest(&self) -> Option<[u8; 32]> {
        match self.scope {
            Scope::Ae { component_digest, .. } => component_digest,
            Scope::Ceiling { .. } => None,
        }
    }

    /// What the AE may use up. A ceiling has the defaults, and nothing should ask it.
    pub fn limits(&self) -> &Limits {
        match &self.scope {
            Scope::Ae { limits, .. } | Scope::Ceiling { limits } => limits,
        }
    }

    /// Whether anything of an interface is granted, so that it is to be linked at all.
    pub fn grants(&self, interface: Interface) -> bool {
        let index = &self.index;
        match interface {
            Interface::Keys => index.any_keys.is_some() || index.stateless.is_some(),
            Interface::Messaging => {
                !(index.publish.is_empty() && index.request.is_empty() && index.subscribe.is_empty())
            }
            Interface::Authorization => index.authorization.is_some(),
            Interface::Logging => index.logging.is_some(),
            Interface::Clocks => index.clocks.is_some(),
            Interface::Wasi => self.rules.iter().any(|rule| rule.grant == Grant::Wasi),
        }
    }

    /// All grants, in the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule that one of this policy's decisions names.
    ///
    /// # Panics
    /// May, when the id comes from another policy.
    #[allow(clippy::indexing_slicing, reason = "ids of this policy are places in `rules`, which never changes")]
    pub fn rule(&self, id: RuleId) -> &Rule {
        &self.rules[id.index()]
    }

    /// `file:line` of a rule of this policy.
    pub fn location(&self, id: RuleId) -> String {
        format!("{}:{}", self.file_name, self.rule(id).line)
    }

    /// What its author may want to look at again. None of these changes what the file grants.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}
