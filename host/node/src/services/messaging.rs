//! Sending, asking, answering and subscribing for one AE.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use m2m_policy::Protection;
use m2m_provisioning::speech::{DATA_BYTES_MAX, TOPIC_BYTES_MAX};

use crate::capability::operation::{Ask, Publish, Reply, SendToPeer, Subscribe, Unsubscribe};
use crate::capability::{Mediator, NO_WAIT_HELPS, Permit, Refusal};
use crate::transport::bus::{Accepts, Question, Route};
use crate::transport::mailbox::Mailbox;
use crate::transport::message::{AeName, Payload, Peer, ReplyTicket, Sender, SharedTopic};
use crate::transport::outbound::{Destination, OutboundQueue, Room};
use crate::transport::{Bus, RequestCounter, Undelivered};

/// What a sender is told to wait for a full mailbox to have room.
const MAILBOX_RETRY_MS: u32 = 5;
/// And for the way out of the node.
const OUTBOUND_RETRY_MS: u32 = 50;

/// One AE's end of the bus.
#[derive(Debug, Clone)]
pub(crate) struct Messaging {
    ae: AeName,
    bus: Arc<Bus>,
    mailbox: Arc<Mailbox>,
    /// What leaves the node; `None` where nothing can.
    outbound: Option<OutboundQueue>,
    accepts: Accepts,
    requests: Arc<RequestCounter>,
    /// Counts the AE's instances; subscriptions belong to one.
    instance: Arc<AtomicU64>,
    /// The newest instance whose `init` succeeded.
    ready: Arc<AtomicU64>,
}

impl Messaging {
    pub(crate) fn new(
        ae: &AeName,
        bus: &Arc<Bus>,
        mailbox: &Arc<Mailbox>,
        outbound: Option<OutboundQueue>,
        mediator: &Arc<Mediator>,
    ) -> Self {
        let mediator = Arc::clone(mediator);
        Self {
            ae: AeName::clone(ae),
            bus: Arc::clone(bus),
            mailbox: Arc::clone(mailbox),
            outbound,
            accepts: Accepts::new(move |topic, sender, protection| mediator.would_deliver(topic, sender, protection)),
            requests: Arc::default(),
            instance: Arc::default(),
            ready: Arc::default(),
        }
    }

    /// A new instance begins: what it subscribes to is its own. What those asked for that failed in `init` ends here.
    pub(crate) fn begin_instance(&self) {
        let ready = self.ready.load(Ordering::Relaxed);
        self.bus.forget_where(&self.ae, |asked_by| asked_by > ready);
        self.instance.fetch_add(1, Ordering::Relaxed);
    }

    /// The instance has said in `init` what it wants: what its forerunners wanted besides ends.
    pub(crate) fn instance_is_ready(&self) {
        let instance = self.instance.load(Ordering::Relaxed);
        self.ready.store(instance, Ordering::Relaxed);
        self.bus.forget_where(&self.ae, |asked_by| asked_by < instance);
    }

    pub(crate) fn publish(&self, permit: &Permit<Publish<'_>>, payload: &Payload) -> Result<(), Refusal> {
        let Publish { topic, retain, protection, .. } = permit.operation();
        match protection {
            Protection::Local if *retain => self.bus.publish_retained(&self.ae, topic, payload).map_err(refusal),
            Protection::Local => self.bus.publish(&self.ae, topic, payload).map_err(refusal),
            Protection::Signed => {
                let topic = SharedTopic::from(*topic);
                let room = self.room_outside(&topic, payload)?;
                // All or none: what no AE of this node could take does not leave it either.
                self.bus.publish(&self.ae, topic.topic(), payload).map_err(refusal)?;
                room.fill(topic, payload.clone(), Destination::Everybody);
                Ok(())
            }
            Protection::Confidential => self.leave(SharedTopic::from(*topic), payload, Destination::WhoeverServes),
            // The policy grants it to nobody.
            Protection::Unauthenticated => Err(Refusal::Invalid("`local`, `signed` or `confidential`".to_owned())),
        }
    }

    pub(crate) fn send(&self, permit: &Permit<SendToPeer<'_>>, peer: Peer, payload: &Payload) -> Result<(), Refusal> {
        self.leave(SharedTopic::from(permit.operation().topic), payload, Destination::Peer(peer))
    }

    fn leave(&self, topic: SharedTopic, payload: &Payload, to: Destination) -> Result<(), Refusal> {
        let room = self.room_outside(&topic, payload)?;
        room.fill(topic, payload.clone(), to);
        Ok(())
    }

    fn room_outside(&self, topic: &SharedTopic, payload: &Payload) -> Result<Room, Refusal> {
        let Some(outbound) = &self.outbound else {
            return Err(Refusal::Unavailable("the node's `node.toml` has no `[link]`".to_owned()));
        };
        if topic.as_str().len() > TOPIC_BYTES_MAX {
            return Err(Refusal::Invalid(format!(
                "expected a topic of at most {TOPIC_BYTES_MAX} bytes where it leaves the node"
            )));
        }
        // A signature, a certificate and padding stand beside it.
        if payload.bytes().len() > DATA_BYTES_MAX {
            return Err(Refusal::TooLarge { max_bytes: u32::try_from(DATA_BYTES_MAX).unwrap_or(u32::MAX) });
        }
        outbound.reserve(topic, payload).ok_or(Refusal::Exhausted { retry_ms: OUTBOUND_RETRY_MS })
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
        let route = Route {
            receiver: AeName::clone(&self.ae),
            instance: self.instance.load(Ordering::Relaxed),
            mailbox: Arc::clone(&self.mailbox),
            accepts: self.accepts.clone(),
            may_reply: grant.reply,
            when_full: grant.when_full,
        };
        let filter = &permit.operation().filter;
        self.bus.subscribe(filter, route).map_err(|_| Refusal::Exhausted { retry_ms: NO_WAIT_HELPS })
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
        Undelivered::RetainedFull => Refusal::Exhausted { retry_ms: NO_WAIT_HELPS },
        Undelivered::NobodyServes => Refusal::NotFound,
    }
}
