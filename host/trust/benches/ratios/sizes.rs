//! What signing costs on the wire.

use m2m_trust::broadcast::{BroadcastSender, Outgoing};
use m2m_trust::dev::{DevDomain, RepeatableRng, services};
use m2m_trust::seal::Suite;

use crate::figure::Figure;
use crate::reports;

const DATA_BYTES: usize = 64;

pub(crate) fn figures() -> [Figure; 2] {
    let mut domain = DevDomain::new("sizes", Suite::XWing);
    let pseudonym = domain.pseudonym(reports());
    let mut sender = BroadcastSender::new(pseudonym.certificate.clone(), &mut RepeatableRng::new("sequence"));
    let outgoing = Outgoing {
        topic: "metering/zone-4/flow",
        service: services::METERING,
        operation: services::report(),
        data: &[0; DATA_BYTES],
        location: None,
        expiry: None,
        wanted: Vec::new(),
    };
    let mut signed = |after_us| {
        let now = domain.now(after_us);
        sender.sign(&outgoing, now, &domain.bundle.domain, &pseudonym.signer).expect("keys in memory").len()
    };
    let (_whole, digest) = (signed(0), signed(1));
    let bytes = |name: &str, at_most, bytes| Figure::Bytes { name: name.to_owned(), at_most, bytes };
    [
        bytes("overhead of a signed message with digest", 110, digest - DATA_BYTES),
        bytes("certificate", 240, pseudonym.certificate.encoded.len()),
    ]
}
