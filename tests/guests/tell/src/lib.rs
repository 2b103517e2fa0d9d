//! How the guests of the tests tell what they were answered: one line of the log for each call.

use m2m_guest_sdk::{Denial, Error, Result, info};

/// The beat that drives a guest.
pub const GO: &str = "$timer/go";

/// `WHAT: ok`, or the variant of the error with what belongs to it.
pub fn tell<T>(what: &str, answer: &Result<T>) {
    info!("{what}: {}", words(answer.as_ref().err()));
}

fn words(error: Option<&Error>) -> String {
    match error {
        None => "ok".to_owned(),
        Some(Error::Denied(Denial { operation, subject, rule })) => {
            let subject: String = subject.chars().take(40).collect();
            format!("denied {operation} `{subject}` by {}", rule.as_deref().unwrap_or("no rule"))
        }
        Some(Error::NotFound) => "not-found".to_owned(),
        Some(Error::Invalid(expected)) => format!("invalid {expected}"),
        Some(Error::Exhausted { .. }) => "exhausted".to_owned(),
        Some(Error::Unavailable(why)) => format!("unavailable {why}"),
        Some(Error::TooLarge { max_bytes }) => format!("too-large {max_bytes}"),
        Some(Error::Payload(what) | Error::Failed(what)) => format!("own {what}"),
    }
}
