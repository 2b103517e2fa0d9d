//! One attempt, and what may come of it.

use m2m_guest_sdk::{Error, Result, error, info};

/// Something that must not succeed.
pub(crate) struct Attempt {
    pub(crate) name: &'static str,
    pub(crate) due: Due,
}

/// What is due to it.
pub(crate) enum Due {
    /// This answer.
    Answer(&'static str, fn() -> Outcome),
    /// The end of the instance.
    Fault(fn()),
    /// An answer that comes later, by another message.
    Later(&'static str, fn() -> Result<()>),
}

/// What came of it, in one word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome(pub(crate) &'static str);

impl Outcome {
    /// It went through.
    pub(crate) const ALLOWED: Self = Outcome("ALLOWED");

    pub(crate) fn of<T>(result: Result<T>) -> Self {
        Outcome(match result {
            Ok(_) => return Self::ALLOWED,
            Err(Error::Denied(_)) => "denied",
            Err(Error::NotFound) => "not-found",
            Err(Error::Invalid(_)) => "invalid",
            Err(Error::Exhausted { .. }) => "exhausted",
            Err(Error::Unavailable(_)) => "unavailable",
            Err(Error::TooLarge { .. }) => "too-large",
            Err(Error::Payload(_) | Error::Failed(_)) => "malformed",
        })
    }
}

impl Attempt {
    pub(crate) const fn answer(name: &'static str, due: &'static str, attempt: fn() -> Outcome) -> Self {
        let due = Due::Answer(due, attempt);
        Attempt { name, due }
    }

    pub(crate) const fn fault(name: &'static str, attempt: fn()) -> Self {
        let due = Due::Fault(attempt);
        Attempt { name, due }
    }

    /// Makes it and tells the outcome, if there is one yet.
    pub(crate) fn make(&self) {
        match self.due {
            Due::Answer(_, attempt) => self.report(&attempt()),
            Due::Fault(attempt) => {
                info!("attempt={}", self.name);
                attempt();
                error!("attempt={} outcome=SURVIVED", self.name);
            }
            Due::Later(_, attempt) => {
                if let Err(error) = attempt() {
                    self.report(&Outcome::of::<()>(Err(error)));
                }
            }
        }
    }

    pub(crate) fn report(&self, outcome: &Outcome) {
        let (name, Outcome(outcome)) = (self.name, outcome);
        match self.due {
            Due::Answer(due, _) | Due::Later(due, _) if due != *outcome => {
                error!("attempt={name} outcome={outcome} expected={due}");
            }
            _ => info!("attempt={name} outcome={outcome}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_has_a_name_of_its_own() {
        let mut names: Vec<&str> = crate::attempts().map(|attempt| attempt.name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn what_went_through_is_never_the_answer_due() {
        for attempt in crate::attempts() {
            if let Due::Answer(due, _) | Due::Later(due, _) = attempt.due {
                assert!(Outcome(due) != Outcome::ALLOWED, "{}", attempt.name);
            }
        }
    }
}
