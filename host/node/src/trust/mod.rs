//! The node's way into an M2M system: puts provisioning, its voice, the queues of what leaves and the link together.
//!
//! ```text
//! AE ─publish─▶ outbound queue ─▶ sender ─signs─▶ air ─▶ link
//! AE ◀─mailbox─ bus ◀─ ear ◀─verifies─ air ◀─ link
//! ```
//! INVARIANT (one voice): whatever is signed or encrypted is made and handed to the link under one lock, so that nothing made
//! under a pseudonym leaves after it was changed.

mod air;
mod beat;
mod ear;
mod journal;
mod sender;

use std::sync::Arc;

use cap_std::fs::Dir;
use m2m_provisioning::{LifeCycle, Provisioning, ProvisioningError, Rights, SystemClock, TrustSection};
use m2m_secure_environment::{Error as SeError, Management, Partition, PartitionType};
use m2m_trust::enrolment::Measurements;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::audit::Audit;
use crate::state::ProvisioningChannel;
use crate::transport::link::{self, Ready};
use crate::transport::outbound::{Outbound, OutboundQueue};
use crate::transport::{Bus, Transport};
use air::Air;
use beat::Beat;
use ear::Ear;
use journal::AuditJournal;
use sender::Sender;

/// Provisioning and what leaves the node through it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Trust {
    provisioning: Provisioning,
    /// `None` where `node.toml` has no `[link]`.
    outbound: Option<Outbound>,
    audit: Audit,
}

/// Why a node cannot take part in an M2M system.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Its state cannot be used.
    #[error(transparent)]
    Provisioning(#[from] ProvisioningError),
    /// The Secure Environment refuses the partition of provisioning.
    #[error("the Secure Environment: {0}")]
    SecureEnvironment(#[from] SeError),
}

impl Trust {
    /// Opens what the state folder holds of it. `dir` is for provisioning alone.
    ///
    /// # Errors
    /// [`TrustError`].
    pub(crate) fn open(
        section: TrustSection,
        channel: ProvisioningChannel,
        management: &dyn Management,
        dir: Dir,
        measurements: Measurements,
        audit: &Audit,
    ) -> Result<Self, TrustError> {
        let partition = partition(channel, management)?;
        let journal = Arc::new(AuditJournal::new(audit));
        let provisioning = Provisioning::open(section, partition, dir, measurements, Arc::new(SystemClock), journal)?;
        Ok(Self { provisioning, outbound: None, audit: audit.clone() })
    }

    /// With a link there is a way out.
    pub(crate) fn with_link(self) -> Self {
        Self { outbound: Some(Outbound::default()), ..self }
    }

    pub(crate) fn provisioning(&self) -> &Provisioning {
        &self.provisioning
    }

    pub(crate) fn rights(&self) -> Arc<dyn Rights> {
        self.provisioning.rights()
    }

    pub(crate) fn life_cycle(&self) -> LifeCycle {
        self.provisioning.life_cycle()
    }

    /// A way out for one more AE.
    pub(crate) fn queue(&self) -> Option<OutboundQueue> {
        self.outbound.as_ref().map(Outbound::queue)
    }

    /// Lives until the node stops. `listens_to`: the operations that AEs of this node want to hear. Gives what changes with every
    /// silence.
    pub(crate) fn start(
        &self,
        link: Option<Ready>,
        bus: &Arc<Bus>,
        listens_to: &[String],
        tasks: &mut JoinSet<()>,
        stop: &watch::Receiver<bool>,
    ) -> watch::Receiver<u64> {
        let speech = self.provisioning.speech();
        speech.accepts(listens_to);
        let transport = link.as_ref().map(|ready| Arc::new(ready.link()) as Arc<dyn Transport>);
        let air = Arc::new(Air::new(transport));
        if let Some(ready) = link {
            let ear = Ear { speech: Arc::clone(&speech), air: Arc::clone(&air), bus: Arc::clone(bus) };
            let hear: link::Hear = Arc::new(move |frame: &[u8]| ear.hear(frame));
            ready.start(tasks, hear, stop.clone());
        }
        if let Some(outbound) = self.outbound.clone() {
            let sender =
                Sender { outbound, air: Arc::clone(&air), voice: Arc::clone(&speech) as Arc<dyn sender::Voice> };
            tasks.spawn(sender.run(stop.clone()));
        }
        let beat = Beat { speech, air: Arc::clone(&air), audit: self.audit.clone() };
        tasks.spawn(beat.run(stop.clone()));
        let (provisioning, stop) = (self.provisioning.clone(), stop.clone());
        let silences = air.silences();
        tasks.spawn(async move { provisioning.run(air, stop).await });
        silences
    }
}

/// The partition of provisioning, made at the node's first start. No other code ever names its channel.
fn partition(channel: ProvisioningChannel, management: &dyn Management) -> Result<Partition, SeError> {
    let kind = PartitionType::provisioning();
    let existing = management.partitions()?.into_iter().find(|(_, other)| *other == kind);
    let id = match existing {
        Some((id, _)) => id,
        None => management.create_partition(&kind)?,
    };
    Ok(Partition::new(channel.into_inner(), id))
}
