//! What a message costs on the wire.

use m2m_trust::broadcast::{BroadcastSender, Outgoing};
use m2m_trust::dev::{RepeatableRng, services};

use crate::support::{domain, reports};

#[test]
fn a_certificate_has_at_most_240_bytes_and_a_signed_message_at_most_110_more_than_its_data() {
    let mut domain = domain();
    let pseudonym = domain.pseudonym(reports());
    let certificate = pseudonym.certificate.encoded.len();
    let mut sender = BroadcastSender::new(pseudonym.certificate.clone(), &mut RepeatableRng::new("sizes"));
    let mut overhead = |size: usize, after_us| {
        let data = vec![0; size];
        let outgoing = Outgoing {
            topic: "metering/zone-4/flow",
            service: services::METERING,
            operation: services::report(),
            data: &data,
            location: None,
            expiry: None,
            wanted: Vec::new(),
        };
        let message = sender.sign(&outgoing, domain.now(after_us), &domain.bundle.domain, &pseudonym.signer).unwrap();
        message.len() - size
    };
    let whole = overhead(100, 0);
    let digest = overhead(100, 1);
    eprintln!("certificate {certificate} B, message with certificate +{whole} B, with digest +{digest} B");
    assert!(certificate <= 240, "{certificate}");
    assert!(digest <= 110, "{digest}");
    assert!(overhead(1, 2) <= digest);
    assert!(overhead(4000, 3) <= 112);
}
