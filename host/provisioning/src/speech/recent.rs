//! The last broadcasts of each topic, for a report to the misbehaviour authority.

use std::collections::{HashMap, HashSet, VecDeque};

use m2m_trust::broadcast::Broadcast;
use m2m_trust::codec::Bytes;
use m2m_trust::cose::{KeyHint, Signed};
use m2m_trust::identity::Digest;
use m2m_trust::revocation::{Report, ReportedMessage};

const TOPICS_MAX: usize = 64;
const MESSAGES_MAX: usize = 16;
/// Of one topic: what is kept fits into a report with its certificate and topics.
const BYTES_MAX: usize = 62_000;
const CERTIFICATES_MAX: usize = 1024;

/// Verified messages as they were received, and the certificates in their encoding.
#[derive(Debug, Default)]
pub(super) struct Recent {
    topics: HashMap<String, Heard>,
    certificates: HashMap<Digest, Vec<u8>>,
    /// Counts messages; says which topic was silent for longest.
    count: u64,
}

#[derive(Debug, Default)]
struct Heard {
    last: u64,
    messages: VecDeque<(Digest, Vec<u8>)>,
    bytes: usize,
}

impl Recent {
    /// A message was verified under the certificate with this digest.
    pub(super) fn remember(&mut self, topic: &str, certificate: Digest, message: &[u8]) {
        self.remember_certificate(certificate, message);
        self.count += 1;
        if !self.topics.contains_key(topic) {
            if self.topics.len() >= TOPICS_MAX
                && let Some(longest) =
                    self.topics.iter().min_by_key(|(_, heard)| heard.last).map(|(topic, _)| topic.clone())
            {
                self.topics.remove(&longest);
            }
            self.topics.insert(topic.to_owned(), Heard::default());
        }
        if let Some(heard) = self.topics.get_mut(topic) {
            heard.last = self.count;
            heard.push(certificate, message, topic.len());
        }
    }

    /// The messages of the certificate that came last, oldest first.
    pub(super) fn report(&self, topic: &str) -> Option<Vec<u8>> {
        let heard = self.topics.get(topic)?;
        let (signer, _) = heard.messages.back()?;
        let certificate: Bytes = self.certificates.get(signer)?.clone().into();
        let of_signer = heard.messages.iter().filter(|(digest, _)| digest == signer);
        let reported = |(_, message): &(Digest, Vec<u8>)| ReportedMessage {
            topic: topic.to_owned(),
            message: message.clone().into(),
        };
        Some(Report { certificate, messages: of_signer.map(reported).collect() }.encode())
    }

    fn remember_certificate(&mut self, digest: Digest, message: &[u8]) {
        if self.certificates.contains_key(&digest) {
            return;
        }
        // Verified a moment ago, so it decodes; a message with the digest alone leaves the report for later.
        let Ok(signed) = Signed::<Broadcast>::decode(message) else { return };
        if let KeyHint::Certificate(whole) = signed.hint() {
            if self.certificates.len() >= CERTIFICATES_MAX {
                self.drop_unused_certificates();
            }
            self.certificates.insert(digest, whole.0.clone());
        }
    }

    fn drop_unused_certificates(&mut self) {
        let messages = self.topics.values().flat_map(|heard| &heard.messages);
        let used: HashSet<Digest> = messages.map(|(digest, _)| *digest).collect();
        self.certificates.retain(|digest, _| used.contains(digest));
        // All are in use only when every topic has messages of 16 nodes.
        if self.certificates.len() >= CERTIFICATES_MAX {
            self.certificates.clear();
        }
    }
}

impl Heard {
    fn push(&mut self, certificate: Digest, message: &[u8], topic_bytes: usize) {
        self.messages.push_back((certificate, message.to_vec()));
        self.bytes += message.len() + topic_bytes;
        while self.messages.len() > MESSAGES_MAX || (self.bytes > BYTES_MAX && self.messages.len() > 1) {
            let Some((_, oldest)) = self.messages.pop_front() else { return };
            self.bytes -= oldest.len() + topic_bytes;
        }
    }
}
