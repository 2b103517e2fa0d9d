//! What an MEF and an AA remember, in memory. Each method that changes something stands for one transaction.

use std::collections::{HashMap, HashSet};

use crate::authorization::{AuthorizationLog, AuthorizationOutcome, ProofOutcome, Standing, SubscriptionLog};
use crate::credential::CredentialId;
use crate::enrolment::{EnrolmentLog, EnrolmentOutcome};
use crate::identity::{Digest, Epoch, Seconds};

/// The log of one authority.
#[derive(Debug, Default)]
pub struct MemoryLog {
    /// Challenges given, and when.
    pub challenges: HashMap<[u8; 16], Seconds>,
    /// Challenges answered.
    pub spent: HashSet<[u8; 16]>,
    /// Replies and answers by the hash of what they answer.
    pub replies: HashMap<Digest, Vec<u8>>,
    /// Subscriptions and whether they are blocked.
    pub subscriptions: HashMap<CredentialId, bool>,
    /// Nonces by epoch.
    pub nonces: HashSet<(Epoch, [u8; 16])>,
    /// Certificates granted.
    pub used: HashMap<(CredentialId, Epoch), u32>,
    /// At the MEF: the subscription behind the hash of a shared part.
    pub shared: HashMap<Digest, CredentialId>,
    /// At the AA: what was issued.
    pub issued: Vec<AuthorizationOutcome>,
}

impl MemoryLog {
    /// After an enrolment.
    pub fn enrolled(&mut self, outcome: &EnrolmentOutcome) {
        self.spent.insert(outcome.challenge);
        self.replies.insert(outcome.request, outcome.reply.clone());
        if let Some(issued) = &outcome.issued {
            self.subscriptions.insert(issued.id, false);
        }
    }

    /// After an answer of the MEF.
    pub fn proved(&mut self, outcome: &ProofOutcome) {
        self.replies.insert(outcome.query, outcome.answer.clone());
        self.nonces.insert((outcome.epoch, outcome.nonce));
        *self.used.entry((outcome.subscription, outcome.epoch)).or_default() += outcome.count;
        self.shared.insert(outcome.shared, outcome.subscription);
    }

    /// After a decision of the AA.
    pub fn authorized(&mut self, outcome: &AuthorizationOutcome) {
        self.replies.insert(outcome.request, outcome.reply.clone());
        self.nonces.insert((outcome.epoch, outcome.nonce));
        self.issued.push(outcome.clone());
    }
}

impl EnrolmentLog for MemoryLog {
    fn issued(&self, challenge: &[u8; 16]) -> Option<Seconds> {
        self.challenges.get(challenge).copied()
    }

    fn is_spent(&self, challenge: &[u8; 16]) -> bool {
        self.spent.contains(challenge)
    }

    fn stored_reply(&self, request: &Digest) -> Option<Vec<u8>> {
        self.replies.get(request).cloned()
    }
}

impl SubscriptionLog for MemoryLog {
    fn stored_answer(&self, query: &Digest) -> Option<Vec<u8>> {
        self.replies.get(query).cloned()
    }

    fn standing(&self, id: &CredentialId) -> Standing {
        match self.subscriptions.get(id) {
            Some(false) => Standing::Good,
            Some(true) => Standing::Blocked,
            None => Standing::Unknown,
        }
    }

    fn nonce_seen(&self, epoch: Epoch, nonce: &[u8; 16]) -> bool {
        self.nonces.contains(&(epoch, *nonce))
    }

    fn used(&self, id: &CredentialId, epoch: Epoch) -> u32 {
        self.used.get(&(*id, epoch)).copied().unwrap_or_default()
    }
}

impl AuthorizationLog for MemoryLog {
    fn stored_reply(&self, request: &Digest) -> Option<Vec<u8>> {
        self.replies.get(request).cloned()
    }

    fn nonce_seen(&self, epoch: Epoch, nonce: &[u8; 16]) -> bool {
        self.nonces.contains(&(epoch, *nonce))
    }
}
