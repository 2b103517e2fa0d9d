//! The loop of one instance: the next message, the decision over it, the call.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Blueprint, Instance};
use crate::capability::Refusal;
use crate::capability::operation::{Deliver, DeliverAnswer};
use crate::dead_letter::DeadLetters;
use crate::fault::Fault;
use crate::status::AeStatus;
use crate::transport::mailbox::Mailbox;
use crate::transport::message::Envelope;

/// One AE, whatever its instance is.
pub(crate) struct Actor {
    pub(crate) blueprint: Blueprint,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) status: Arc<AeStatus>,
    pub(crate) dead_letters: DeadLetters,
}

/// How the life of an instance ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The node stops.
    Stopped,
    /// The instance is gone, and with it what it held.
    Fault {
        /// Why.
        fault: Fault,
        /// Whether it had dealt with a message before.
        had_worked: bool,
    },
}

impl Actor {
    /// One instance, from `init` to its end.
    pub(crate) async fn run(&self, stop: &mut watch::Receiver<bool>) -> Ended {
        let mut had_worked = false;
        match self.live(stop, &mut had_worked).await {
            Ok(()) => Ended::Stopped,
            Err(fault) => Ended::Fault { fault, had_worked },
        }
    }

    async fn live(&self, stop: &mut watch::Receiver<bool>, had_worked: &mut bool) -> Result<(), Fault> {
        let messaging = self.blueprint.messaging();
        messaging.begin_instance();
        let mut instance = Instance::new(&self.blueprint).await?;
        instance.init().await?;
        messaging.instance_is_ready();
        self.status.running(instance.memory_bytes());
        loop {
            let envelope = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                envelope = self.next() => envelope,
            };
            self.deliver(&mut instance, envelope).await?;
            *had_worked = true;
            self.status.memory(instance.memory_bytes());
        }
        instance.stop().await
    }

    /// The next message that it may have, once it is back within its CPU share. To be dropped at any time: until then a
    /// message is in the mailbox.
    async fn next(&self) -> Envelope {
        loop {
            if let Some(pause) = self.blueprint.cpu().pause() {
                tokio::time::sleep(pause).await;
            }
            let envelope = self.mailbox.next().await;
            match self.decide(&envelope) {
                Ok(()) => return envelope,
                Err(Refusal::Exhausted { retry_ms }) => {
                    self.mailbox.put_back(envelope);
                    tokio::time::sleep(Duration::from_millis(u64::from(retry_ms))).await;
                }
                Err(_) => {}
            }
        }
    }

    /// When it leaves the mailbox, under the policy in force now.
    fn decide(&self, envelope: &Envelope) -> Result<(), Refusal> {
        let mediator = self.blueprint.mediator();
        match envelope.answers {
            Some(_) => mediator.mediate(DeliverAnswer { topic: envelope.topic.clone() }).map(drop),
            None => {
                let Envelope { topic, sender, protection, .. } = envelope;
                mediator.mediate(Deliver { topic: topic.topic(), sender, protection: *protection }).map(drop)
            }
        }
    }

    async fn deliver(&self, instance: &mut Instance, mut envelope: Envelope) -> Result<(), Fault> {
        envelope.attempts += 1;
        if envelope.attempts == 1 {
            self.status.delivered(envelope.accepted.elapsed());
        }
        match instance.on_message(&envelope).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => {
                self.status.message_failed();
                self.try_again(envelope, &why);
                Ok(())
            }
            Err(fault) => {
                self.try_again(envelope, &fault.to_string());
                Err(fault)
            }
        }
    }

    /// Once more with the next instance, until it is poison beyond doubt.
    fn try_again(&self, envelope: Envelope, why: &str) {
        if envelope.attempts < self.blueprint.mediator().policy().limits().max_attempts {
            self.mailbox.put_back(envelope);
        } else {
            self.dead_letters.add(&self.status.name, &envelope, why);
        }
    }
}
