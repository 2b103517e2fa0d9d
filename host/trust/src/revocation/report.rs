//! A report to the MA: the misbehaving messages themselves, which prove what was said under which certificate.

use crate::broadcast::Broadcast;
use crate::bundle::TrustBundle;
use crate::certificate::{Certificate, CertificateError};
use crate::codec::{self, Bytes, Malformed, message};
use crate::cose::{KeyHint, Signed, SignedError};

const REPORT_BYTES_MAX: usize = 65_536;

message! {
    /// What is sent to the MA. It is not signed: the messages are, and who reports stays unknown.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Report {
        /// The certificate that all messages were signed under.
        1 => pub certificate: Bytes,
        /// The messages, at least one.
        2 => pub messages: Vec<ReportedMessage>,
    }
}

message! {
    /// One message as it was received.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub array ReportedMessage {
        /// The topic that it was received under.
        pub topic: String,
        /// The signed message.
        pub message: Bytes,
    }
}

/// Why a report proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Not a report.
    #[error("malformed report: {0}")]
    Malformed(#[from] Malformed),
    /// The certificate is not one of this domain.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// No message in it.
    #[error("report without a message")]
    Empty,
    /// A message that the certificate's key did not sign.
    #[error("message {index} of the report: {cause}")]
    Message {
        /// Its index, from 0.
        index: usize,
        /// Why.
        cause: SignedError,
    },
}

impl Report {
    /// The encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Verifies that every message was signed under the certificate, whenever that was.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn verify(bytes: &[u8], bundle: &TrustBundle) -> Result<(Certificate, Vec<Broadcast>), ReportError> {
        let report: Self = codec::decode(bytes, REPORT_BYTES_MAX, "report")?;
        let certificate = Certificate::verify(&report.certificate, bundle)?;
        if report.messages.is_empty() {
            return Err(ReportError::Empty);
        }
        let verify = |(index, reported): (usize, &ReportedMessage)| {
            let signed = Signed::<Broadcast>::decode(&reported.message).map_err(|cause| (index, cause))?;
            let hint_fits = match signed.hint() {
                KeyHint::Id(id) => *id == certificate.key_id(),
                KeyHint::Certificate(whole) => *whole == report.certificate,
                KeyHint::None => false,
            };
            if !hint_fits {
                return Err((index, SignedError::Header));
            }
            signed.verify(&bundle.domain, reported.topic.as_bytes(), certificate.key()).map_err(|cause| (index, cause))
        };
        let messages: Result<Vec<_>, (usize, SignedError)> = report.messages.iter().enumerate().map(verify).collect();
        let messages = messages.map_err(|(index, cause)| ReportError::Message { index, cause })?;
        Ok((certificate, messages))
    }
}
