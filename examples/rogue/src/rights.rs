//! What no rule of the capability file allows, or a rule only up to a limit.

use std::time::Duration;

use m2m_guest_sdk::{
    Protection, Result,
    keys::{self, Algorithm, Key, Template, Usage},
    messaging::{self, Options},
};

use crate::{
    ASK,
    attempt::{Attempt, Due, Outcome},
};

/// Over the `max-size` of the granted topic.
const OVER_THE_GRANT_BYTES: usize = 1025;

/// Over what any message may have.
const OVER_ALL_BYTES: usize = 64 * 1024 + 1;

pub(crate) const REPLY_TWICE: Attempt =
    Attempt { name: "reply-twice", due: Due::Later("not-found", || ASK.request(&Vec::new(), TIMEOUT).map(|_| ())) };

const TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) const ATTEMPTS: &[Attempt] = &[
    Attempt::answer("publish-reading", "denied", || publish("metering/branch-1/flow")),
    Attempt::answer("publish-alarm", "denied", || publish("alarm/branch-1/leak")),
    Attempt::answer("publish-timer", "denied", || publish("$timer/step")),
    Attempt::answer("publish-dead-letter", "denied", || publish("$dead-letter/meter")),
    Attempt::answer("publish-excepted", "denied", || publish("rogue/public/hidden/a")),
    Attempt::answer("retain", "denied", || with("rogue/out", 1, Options::RETAINED)),
    Attempt::answer("protection", "denied", || {
        let protection = Protection::Signed;
        with("rogue/out", 1, Options { protection, ..Options::LOCAL })
    }),
    Attempt::answer("size-of-grant", "too-large", || with("rogue/out", OVER_THE_GRANT_BYTES, Options::LOCAL)),
    Attempt::answer("size-of-message", "too-large", || with("rogue/out", OVER_ALL_BYTES, Options::LOCAL)),
    Attempt::answer("subscribe-readings", "denied", || subscribe("metering/+/flow")),
    Attempt::answer("subscribe-all", "denied", || subscribe("#")),
    Attempt::answer("subscribe-dead-letters", "denied", || subscribe("$dead-letter/#")),
    Attempt::answer("subscribe-timers", "denied", || subscribe("$timer/#")),
    Attempt::answer("request-command", "denied", || {
        Outcome::of(messaging::request("metering/branch-1/command", &[], TIMEOUT))
    }),
    Attempt::answer("request-nobody", "not-found", || Outcome::of(messaging::request("rogue/nobody", &[], TIMEOUT))),
    Attempt::answer("request-timeout", "denied", || {
        let hour = Duration::from_secs(3600);
        Outcome::of(messaging::request("rogue/ask", &[], hour))
    }),
    REPLY_TWICE,
    Attempt::answer("open-key-of-meter", "denied", || Outcome::of(keys::open("meter-id"))),
    Attempt::answer("open-no-key", "not-found", || Outcome::of(keys::open("rogue-none"))),
    Attempt::answer("generate-key-of-meter", "denied", || Outcome::of(keys::generate("meter-id", Template::ed25519()))),
    Attempt::answer("generate-other-algorithm", "denied", || {
        Outcome::of(keys::generate("rogue-1", Template::x25519()))
    }),
    Attempt::answer("generate-twice", "invalid", || with_key(|_| keys::generate("rogue-1", Template::ed25519()))),
    Attempt::answer("generate-too-many", "exhausted", || {
        with_key(|_| {
            keys::open_or_generate("rogue-2", Template::ed25519())?;
            keys::generate("rogue-3", Template::ed25519())
        })
    }),
    Attempt::answer("destroy", "denied", || with_key(|key| key.destroy())),
    Attempt::answer("rotate", "denied", || with_key(|key| key.rotate())),
    Attempt::answer("attest", "denied", || with_key(|key| key.attest(b"nonce"))),
    Attempt::answer("derive", "denied", || {
        with_key(|key| key.derive(b"", Template::new(Algorithm::Ed25519, Usage::SIGN)))
    }),
    Attempt::answer("seal", "denied", || Outcome::of(keys::seal(&[9; 32], b"", b"", b""))),
];

pub(crate) fn publish(topic: &str) -> Outcome {
    with(topic, 1, Options::LOCAL)
}

pub(crate) fn subscribe(filter: &str) -> Outcome {
    Outcome::of(messaging::subscribe(filter))
}

/// Tries something on a key that the rogue may have.
pub(crate) fn with_key<T>(attempt: impl FnOnce(Key) -> Result<T>) -> Outcome {
    match keys::open_or_generate("rogue-1", Template::ed25519()) {
        Ok(key) => Outcome::of(attempt(key)),
        Err(_) => Outcome("no-key"),
    }
}

fn with(topic: &str, size_bytes: usize, options: Options) -> Outcome {
    Outcome::of(messaging::publish(topic, &vec![b'x'; size_bytes], options))
}
