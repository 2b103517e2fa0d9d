//! WIT types on one side, domain types on the other, and [`Mediator::mediate`](crate::capability::Mediator::mediate)
//! between them. Nothing is decided and nothing is done here. One file for each file of `wit/`.

mod authorization;
mod clocks;
mod errors;
mod keys;
mod logging;
mod messages;
mod messaging;

pub(crate) use clocks::shadow_monotonic_clock;
pub(crate) use messages::to_wit as message_to_wit;

use m2m_policy::topic::{Topic, TopicFilter};

use crate::ae::AeState;
use crate::capability::{CallError, Refusal};
use crate::transport::message::{PAYLOAD_BYTES_MAX, Payload};

type CallResult<T> = Result<T, CallError>;

/// The longest topic and topic filter that a node carries, in bytes. MQTT's own limit, 65,535, would let topics be payloads
/// that no `max-size` counts.
pub(crate) const TOPIC_BYTES_MAX: usize = 1_024;

fn topic(text: &str) -> Result<&Topic, Refusal> {
    check_length(text)?;
    Topic::new(text).map_err(|error| Refusal::Invalid(error.to_string()))
}

fn filter(text: &str) -> Result<TopicFilter, Refusal> {
    check_length(text)?;
    TopicFilter::new(text).map_err(|error| Refusal::Invalid(error.to_string()))
}

fn check_length(topic: &str) -> Result<(), Refusal> {
    match topic.len() {
        length if length > TOPIC_BYTES_MAX => {
            Err(Refusal::Invalid(format!("expected a topic of at most {TOPIC_BYTES_MAX} bytes, got {length}")))
        }
        _ => Ok(()),
    }
}

fn payload(bytes: Vec<u8>) -> Result<Payload, Refusal> {
    Payload::try_from(bytes).map_err(|_| Refusal::TooLarge { max_bytes: PAYLOAD_BYTES_MAX as u32 })
}
