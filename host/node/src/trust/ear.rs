//! What comes in: verified first, then for the AEs whose capability files want it.

use std::sync::Arc;

use m2m_provisioning::speech::{self, Delivery, Received, Speech};

use super::Air;
use crate::transport::Bus;
use crate::transport::bus::Arrived;
use crate::transport::message::{Payload, Peer, Protection, Sender, SharedTopic};

/// Hears frames of the link.
pub(super) struct Ear {
    pub(super) speech: Arc<Speech>,
    pub(super) air: Arc<Air>,
    pub(super) bus: Arc<Bus>,
}

impl Ear {
    pub(super) fn hear(&self, frame: &[u8]) {
        let Received { deliver, refused, .. } = self.air.speak(|| {
            let mut received = self.speech.receive(frame);
            let answers = std::mem::take(&mut received.send);
            (received, answers)
        });
        if let Some(refused) = refused {
            tracing::debug!(cause = refused.cause(), "a message was refused: {refused}");
        }
        if let Some(arrived) = deliver.and_then(arrived) {
            self.bus.deliver(&arrived);
        }
    }
}

/// `None` for what no AE may be told, whoever says it: topics below `$` are the node's own.
fn arrived(delivery: Delivery) -> Option<Arrived> {
    let topic = SharedTopic::new(&delivery.topic).ok().filter(|topic| !topic.as_str().starts_with('$'))?;
    Some(Arrived {
        topic,
        payload: Payload::try_from(delivery.payload).ok()?,
        sender: Sender::Node(delivery.rights.into()),
        protection: match delivery.protection {
            speech::Protection::Signed => Protection::Signed,
            speech::Protection::Confidential => Protection::Confidential,
        },
        peer: Some(Peer(delivery.peer)),
    })
}
