//! What is malformed, and signatures for another purpose than theirs.

use m2m_guest_sdk::{Error, keys, messaging, wit::m2m::node::keys as wit};

use crate::{
    attempt::{Attempt, Outcome},
    rights::{publish, subscribe, with_key},
};

/// One more than a context may have.
const CONTEXT_BYTES: usize = 256;

/// One more than a topic may have.
const TOPIC_BYTES: usize = 65_536;

pub(crate) const ATTEMPTS: &[Attempt] = &[
    Attempt::answer("topic-wildcard", "invalid", || publish("rogue/+")),
    Attempt::answer("topic-empty", "invalid", || publish("")),
    Attempt::answer("topic-nul", "invalid", || publish("rogue/\0")),
    Attempt::answer("topic-long", "invalid", || publish(&"a".repeat(TOPIC_BYTES))),
    Attempt::answer("filter-malformed", "invalid", || subscribe("rogue/#/a")),
    Attempt::answer("filter-empty", "invalid", || subscribe("")),
    Attempt::answer("unsubscribe-unknown", "not-found", || Outcome::of(messaging::unsubscribe("rogue/many/never"))),
    Attempt::answer("context-long", "too-large", || with_key(|key| key.sign(&"c".repeat(CONTEXT_BYTES), b"message"))),
    Attempt::answer("context-moved", "refused", || signature_verifies_under(("a", b"bc"), ("ab", b"c"))),
    Attempt::answer("context-changed", "refused", || {
        signature_verifies_under(("rogue", b"100.59"), ("metering/reading", b"100.59"))
    }),
    Attempt::answer("random-large", "too-large", || Outcome::of(wit::random(1024 * 1024).map_err(Error::from))),
];

/// Signs one thing and shows the signature for the other.
fn signature_verifies_under(signed: (&str, &[u8]), shown: (&str, &[u8])) -> Outcome {
    let mut verified = None;
    let made = with_key(|key| {
        let signature = key.sign(signed.0, signed.1)?;
        verified = Some(keys::verify(&key.public_key()?, shown.0, shown.1, &signature)?);
        Ok(())
    });
    match verified {
        Some(true) => Outcome::ALLOWED,
        Some(false) => Outcome("refused"),
        None => made,
    }
}
