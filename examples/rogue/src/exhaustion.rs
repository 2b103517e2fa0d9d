//! What takes more than its share. Each loop ends by itself at a number that no node should let it reach.

use std::hint::black_box;

use m2m_guest_sdk::{
    Result, error, info,
    keys::{self, Template},
    messaging::{self, Options},
};

use crate::attempt::{Attempt, Due, Outcome};

/// More calls than any rate, quota or mailbox should let through.
const CALLS: usize = 100_000;

const MEBIBYTE: usize = 1024 * 1024;

pub(crate) const ATTEMPTS: &[Attempt] = &[
    Attempt::answer("message-storm", "exhausted", || storm(|_| messaging::publish("rogue/out", b"x", Options::LOCAL))),
    Attempt::answer("sign-storm", "exhausted", || {
        let key = keys::open_or_generate("rogue-1", Template::ed25519());
        storm(|_| key.as_ref().map_err(Clone::clone)?.sign("rogue", b"x"))
    }),
    Attempt::answer("subscription-storm", "exhausted", || {
        let mut made = Vec::new();
        let outcome = storm(|call| {
            let filter = format!("rogue/many/{call}");
            messaging::subscribe(&filter)?;
            made.push(filter);
            Ok(())
        });
        // They would outlive the instance, and leave no room for those that the next one needs.
        for filter in &made {
            if let Err(error) = messaging::unsubscribe(filter) {
                error!("unsubscribe `{filter}`: {error}");
            }
        }
        outcome
    }),
    Attempt::answer("retained-storm", "exhausted", || {
        storm(|call| messaging::publish(&format!("rogue/kept/{call}"), b"x", Options::RETAINED))
    }),
    Attempt::answer("handle-storm", "exhausted", || {
        let mut handles = Vec::new();
        storm(|_| {
            handles.push(keys::open_or_generate("rogue-1", Template::ed25519())?);
            Ok(())
        })
    }),
    Attempt::fault("endless-loop", || {
        let mut turns = 0_u64;
        while black_box(turns) < u64::MAX {
            turns += 1;
        }
    }),
    Attempt::fault("memory-bomb", || {
        let mut blocks = Vec::new();
        for _ in 0..1024 {
            blocks.push(black_box(vec![1_u8; MEBIBYTE]));
        }
    }),
    Attempt::fault("stack-exhaustion", || {
        black_box(recurse(black_box(u64::MAX)));
    }),
    Attempt::fault("panic", || {
        let nothing: Option<u8> = black_box(None);
        black_box(nothing.unwrap_or_else(|| unreachable!("the rogue panics")));
    }),
];

/// Lines beyond the rate are dropped without an answer, so all there is to see is that it goes on. It comes last, and its
/// outcome later, since the flood takes the room of what is logged next.
const LOG_FLOOD: Attempt = Attempt {
    name: "log-flood",
    due: Due::Later("returned", || {
        for line in 0..1000 {
            info!("flood {line} {}", "x".repeat(1000));
        }
        Ok(())
    }),
};

/// Made when all others are.
pub(crate) const LAST: &[Attempt] = &[LOG_FLOOD];

/// Tells that the flood was lived through.
pub(crate) fn report_flood() {
    LOG_FLOOD.report(&Outcome("returned"));
}

/// The first answer that is an error, if one comes.
fn storm<T>(mut call: impl FnMut(usize) -> Result<T>) -> Outcome {
    for number in 0..CALLS {
        if let Err(error) = call(number) {
            return Outcome::of::<T>(Err(error));
        }
    }
    Outcome::ALLOWED
}

#[allow(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    recurse(depth - 1).wrapping_add(frame.iter().sum::<u64>())
}
