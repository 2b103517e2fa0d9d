//! Sending, asking, answering and subscribing for one AE.

use std::sync::Arc;
use std::time::Duration;

use crate::capability::operation::{Ask, Publish, Reply, Subscribe, Unsubscribe};
use crate::capability::{Permit, Refusal};
use crate::transport::bus::{Question, Route};
use crate::transport::mailbox::Mailbox;
use crate::transport::message::{AeName, Payload, ReplyTicket, Sender, SharedTopic};
use crate::transport::{Bus, Undelivered, WhenFull};

/// What a sender is told to wait for a full mailbox to have room.
const MAILBOX_RETRY_MS: u32 = 5;

/// One AE's end of the bus.
#[derive(Debug, Clone)]
pub(crate) struct Messaging {
    ae: AeName,
    bus: Arc<Bus>,
    mailbox: Arc<Mailbox>,
    requests: Arc<crate::transport::RequestCounter>,
}

impl Messaging {
    pub(crate) fn new(ae: &AeName, bus: &Arc<Bus>, mailbox: &Arc<Mailbox>) -> Self {
        Self { ae: AeName::clone(ae), bus: Arc::clone(bus), mailbox: Arc::clone(mailbox), requests: Arc::default() }
    }

    pub(crate) fn publish(&self, permit: &Permit<Publish<'_>>, payload: &Payload) -> Result<(), Refusal> {
        let Publish { topic, retain, .. } = permit.operation();
        let published = match retain {
            true => self.bus.publish_retained(&self.ae, topic, payload),
            false => self.bus.publish(&self.ae, topic, payload),
        };
        published.map_err(refusal)
    }

    /// The number under which the answer will come.
    pub(crate) fn request(&self, permit: &Permit<Ask<'_>>, payload: Payload) -> Result<u64, Refusal> {
        let Ask { topic, timeout_ms, .. } = permit.operation();
        let id = self.requests.next();
        let question = Question {
            id,
            topic: SharedTopic::from(*topic),
            payload,
            asker: AeName::clone(&self.ae),
            answer_to: &self.mailbox,
            timeout: Duration::from_millis(u64::from(*timeout_ms)),
        };
        self.bus.ask(question).map_err(refusal)?;
        Ok(id)
    }

    pub(crate) fn reply(
        &self,
        _permit: &Permit<Reply<'_>>,
        ticket: &ReplyTicket,
        payload: Payload,
    ) -> Result<(), Refusal> {
        match ticket.answer(payload, Sender::Ae(AeName::clone(&self.ae))) {
            true => Ok(()),
            false => Err(Refusal::NotFound),
        }
    }

    pub(crate) fn subscribe(&self, permit: &Permit<Subscribe>) -> Result<(), Refusal> {
        let grant = permit.rule().subscribe().ok_or(Refusal::NotFound)?;
        let when_full = match grant.when_full {
            m2m_policy::WhenFull::BackPressure => WhenFull::BackPressure,
            m2m_policy::WhenFull::DropOldest => WhenFull::DropOldest,
        };
        let route = Route {
            receiver: AeName::clone(&self.ae),
            mailbox: Arc::clone(&self.mailbox),
            may_reply: grant.reply,
            when_full,
        };
        let filter = &permit.operation().filter;
        self.bus.subscribe(filter, route).map_err(|too_many| Refusal::Invalid(too_many.to_string()))
    }

    pub(crate) fn unsubscribe(&self, permit: &Permit<Unsubscribe>) -> Result<(), Refusal> {
        match self.bus.unsubscribe(&permit.operation().filter, &self.ae) {
            true => Ok(()),
            false => Err(Refusal::NotFound),
        }
    }
}

fn refusal(undelivered: Undelivered) -> Refusal {
    match undelivered {
        Undelivered::MailboxFull | Undelivered::NoRoomForAnswer => Refusal::Exhausted { retry_ms: MAILBOX_RETRY_MS },
        Undelivered::RetainedFull => Refusal::Invalid(undelivered.to_string()),
        Undelivered::NobodyServes => Refusal::NotFound,
    }
}
