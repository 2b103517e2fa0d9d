//! MEF and AA over the keys of a sample domain, with stores that fail when they are told to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use m2m_trust::aif::Scope;
use m2m_trust::authorization::{
    AuthorizationOutcome, AuthorizationReceived, AwaitingAuthorization, ProofOutcome, Standing,
};
use m2m_trust::credential::CredentialId;
use m2m_trust::dev::{DevDomain, DevNode, DevSubscription, RepeatableRng, START, SealedKey, SigningKey, services};
use m2m_trust::enrolment::{AwaitingEnrolment, EnrolmentOutcome};
use m2m_trust::identity::{CanonicalId, Digest, Epoch, Seconds, Slot};
use m2m_trust::keys::Signer;
use m2m_trust::seal::Suite;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::aa::Aa;
use crate::clock::Clock;
use crate::domain::Domain;
use crate::enrolment_policy::EnrolmentPolicy;
use crate::http::Client;
use crate::journal::Journal;
use crate::keys::{Sealing, Signing};
use crate::mef::Mef;
use crate::problem::Problem;
use crate::store::{
    AaStore, BatchRecord, ChallengeRecord, Keep, MefStore, NotCommitted, PendingBlock, PublishedList, RedbAaStore,
    RedbMefStore, RevokedBatch, StoreError,
};

const WORD: &str = "authority";
const POLICY: &str = "[[rule]]\nname = \"all\"\nreason = \"test\"\nservices = [\"metering/report\", \"metering/command\"]\nquota = 6\nterm = \"365 days\"\n";

/// Where the next commit breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing reached the disk.
    Before,
    /// Everything did, and the process did not live to hear of it.
    After,
}

/// A store with faults.
pub(crate) struct Faulty<S> {
    store: S,
    next: Mutex<Option<Fault>>,
}

impl<S> Faulty<S> {
    fn new(store: S) -> Arc<Self> {
        Arc::new(Self { store, next: Mutex::new(None) })
    }

    pub(crate) fn fail(&self, fault: Fault) {
        *self.next.lock().unwrap() = Some(fault);
    }

    fn commit<T, E: From<StoreError>>(&self, commit: impl FnOnce(&S) -> Result<T, E>) -> Result<T, E> {
        let broken = || StoreError("broken on purpose".to_owned()).into();
        match self.next.lock().unwrap().take() {
            None => commit(&self.store),
            Some(Fault::Before) => Err(broken()),
            Some(Fault::After) => commit(&self.store).and(Err(broken())),
        }
    }
}

/// The domain, its clock and its authorities.
pub(crate) struct World {
    pub(crate) dev: DevDomain,
    pub(crate) mef: Arc<Mef>,
    pub(crate) mef_store: Arc<Faulty<RedbMefStore>>,
    pub(crate) aa: Arc<Aa>,
    pub(crate) aa_store: Arc<Faulty<RedbAaStore>>,
    now: Arc<AtomicU64>,
    place: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::opened(
            DevDomain::new(WORD, Suite::X25519),
            Arc::new(AtomicU64::new(START.0)),
            tempfile::tempdir().unwrap(),
        )
    }

    /// The processes end and start again: what is left is what is on the disk.
    pub(crate) fn restarted(self) -> Self {
        let Self { dev, now, place, mef, mef_store, aa, aa_store } = self;
        drop((mef, mef_store, aa, aa_store));
        Self::opened(dev, now, place)
    }

    fn opened(dev: DevDomain, now: Arc<AtomicU64>, place: TempDir) -> Self {
        // The same word gives the same keys: these are moved into the authorities.
        let DevDomain { mef, aa, .. } = DevDomain::new(WORD, Suite::X25519);
        let clock = {
            let now = Arc::clone(&now);
            Clock::new(move || Seconds(now.load(Ordering::Relaxed)))
        };
        let domain = Domain {
            name: WORD.to_owned(),
            roots: vec![dev.root.public_key()],
            servers: Vec::new(),
            bundle: dev.bundle.clone(),
            signed_bundle: dev.signed_bundle(),
        };
        let mef_store = Faulty::new(RedbMefStore::open(&place.path().join("mef.redb")).unwrap());
        let aa_store = Faulty::new(RedbAaStore::open(&place.path().join("aa.redb")).unwrap());
        let folder = |role: &str| -> PathBuf {
            let folder = place.path().join(role);
            std::fs::create_dir_all(&folder).unwrap();
            folder
        };
        let mef = Mef {
            id: mef.id,
            signing: Signing::new(mef.signing),
            sealing: Sealing::new(mef.sealing),
            policy: EnrolmentPolicy::parse("enrolment.toml", POLICY, &dev.bundle).unwrap(),
            store: mef_store.clone(),
            journal: Journal::new(&folder("mef"), 1 << 20, 2),
            domain: domain.clone(),
            clock: clock.clone(),
            retention_epochs: 1,
            receive: Duration::from_secs(1),
            requests: 8,
        };
        let aa = Aa {
            id: aa.id,
            signing: Signing::new(aa.signing),
            sealing: Sealing::new(aa.sealing),
            store: aa_store.clone(),
            journal: Journal::new(&folder("aa"), 1 << 20, 2),
            domain,
            clock,
            client: Client::new(Duration::from_secs(1), None).unwrap(),
            functions: BTreeMap::new(),
            list_period: Duration::from_secs(600),
            retention_epochs: 1,
            receive: Duration::from_secs(1),
            requests: 8,
            blocks: Notify::new(),
        };
        Self { dev, mef: Arc::new(mef), mef_store, aa: Arc::new(aa), aa_store, now, place }
    }

    pub(crate) fn set_time(&self, now: Seconds) {
        self.now.store(now.0, Ordering::Relaxed);
    }
}

impl MefStore for Faulty<RedbMefStore> {
    fn remember_challenge(&self, challenge: [u8; 16], now: Seconds) -> Result<(), StoreError> {
        self.commit(|store| store.remember_challenge(challenge, now))
    }
    fn challenge(&self, challenge: &[u8; 16]) -> Result<Option<ChallengeRecord>, StoreError> {
        self.store.challenge(challenge)
    }
    fn enrolment_reply(&self, request: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.enrolment_reply(request)
    }
    fn is_blocked(&self, device: &CanonicalId) -> Result<bool, StoreError> {
        self.store.is_blocked(device)
    }
    fn commit_enrolment(
        &self,
        outcome: &EnrolmentOutcome,
        device: &CanonicalId,
        keep: Keep,
    ) -> Result<Vec<u8>, NotCommitted> {
        self.commit(|store| store.commit_enrolment(outcome, device, keep))
    }
    fn answer(&self, query: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.answer(query)
    }
    fn standing(&self, subscription: &CredentialId) -> Result<Standing, StoreError> {
        self.store.standing(subscription)
    }
    fn nonce_seen(&self, epoch: Epoch, nonce: &[u8; 16]) -> Result<bool, StoreError> {
        self.store.nonce_seen(epoch, nonce)
    }
    fn used(&self, subscription: &CredentialId, epoch: Epoch) -> Result<u32, StoreError> {
        self.store.used(subscription, epoch)
    }
    fn commit_proof(&self, outcome: &ProofOutcome, keep: Keep) -> Result<Vec<u8>, NotCommitted> {
        self.commit(|store| store.commit_proof(outcome, keep))
    }
    fn block(&self, shared: &Digest) -> Result<bool, StoreError> {
        self.commit(|store| store.block(shared))
    }
    fn device_of(&self, shared: &Digest) -> Result<Option<CanonicalId>, StoreError> {
        self.store.device_of(shared)
    }
    fn prune(&self, now: Seconds) -> Result<u64, StoreError> {
        self.commit(|store| store.prune(now))
    }
}

impl AaStore for Faulty<RedbAaStore> {
    fn reply(&self, request: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.reply(request)
    }
    fn nonce_seen(&self, epoch: Epoch, nonce: &[u8; 16]) -> Result<bool, StoreError> {
        self.store.nonce_seen(epoch, nonce)
    }
    fn commit_authorization(&self, outcome: &AuthorizationOutcome, keep: Keep) -> Result<Vec<u8>, NotCommitted> {
        self.commit(|store| store.commit_authorization(outcome, keep))
    }
    fn batch_of(&self, certificate: &Digest) -> Result<Option<BatchRecord>, StoreError> {
        self.store.batch_of(certificate)
    }
    fn revoke(&self, batch: &BatchRecord, from: Slot, block: &PendingBlock, keep: Keep) -> Result<bool, StoreError> {
        self.commit(|store| store.revoke(batch, from, block, keep))
    }
    fn revoked(&self) -> Result<Vec<RevokedBatch>, StoreError> {
        self.store.revoked()
    }
    fn list(&self) -> Result<Option<PublishedList>, StoreError> {
        self.store.list()
    }
    fn publish(&self, list: &PublishedList) -> Result<bool, StoreError> {
        self.commit(|store| store.publish(list))
    }
    fn outbox(&self) -> Result<Vec<PendingBlock>, StoreError> {
        self.store.outbox()
    }
    fn settled(&self, order: &[u8; 16]) -> Result<(), StoreError> {
        self.commit(|store| store.settled(order))
    }
    fn prune(&self, now: Seconds) -> Result<u64, StoreError> {
        self.commit(|store| store.prune(now))
    }
}

impl World {
    /// A request for enrolment and what takes its reply.
    pub(crate) fn enrolment(&mut self, node: &DevNode, key: &SigningKey) -> (Vec<u8>, AwaitingEnrolment) {
        let challenge = self.mef.challenge().unwrap();
        let rng = &mut RepeatableRng::new(&format!("{:?}", self.dev.rng.bytes::<16>()));
        let wanted = Scope::empty().with(services::METERING, services::report());
        self.dev.enrolment_node(node, key, wanted).answer(&challenge, &node.floor, rng).unwrap()
    }

    /// An enrolment without a fault.
    pub(crate) fn enrol(&mut self, node: &mut DevNode) -> DevSubscription {
        let key = self.dev.signing_key();
        let (request, awaiting) = self.enrolment(node, &key);
        let reply = self.mef.enrol(&request).unwrap();
        let enrolled = awaiting.finish(&reply, &self.dev.bundle, &mut node.floor).unwrap();
        DevSubscription { key, credential: enrolled.credential, claims: enrolled.claims }
    }

    /// A request for `count` certificates of the first slots of the epoch, the AA's query for it, and what takes the reply.
    pub(crate) fn request(&mut self, subscription: &DevSubscription, count: usize) -> Asked {
        let slots = vec![self.dev.slot(); count];
        let pseudonyms = self.dev.pseudonyms(&slots);
        let scope = Scope::empty().with(services::METERING, services::report());
        let (request, awaiting) = self.dev.request(subscription, &pseudonyms, scope);
        let recipients = pseudonyms.into_iter().map(|pseudonym| pseudonym.recipient).collect();
        Asked { request, awaiting, recipients }
    }

    /// What MEF and AA do with a request between them.
    pub(crate) fn authorize(&self, request: &[u8]) -> Result<Vec<u8>, Problem> {
        match self.aa.receive(request)? {
            AuthorizationReceived::Repeated(reply) => Ok(reply),
            AuthorizationReceived::Query(awaiting) => {
                let answer = self.mef.answer(awaiting.query())?;
                self.aa.decide(&awaiting, &answer)
            }
        }
    }
}

/// A request that is on its way.
pub(crate) struct Asked {
    pub(crate) request: Vec<u8>,
    pub(crate) awaiting: AwaitingAuthorization,
    pub(crate) recipients: Vec<SealedKey>,
}
