//! The loop that fetches what is published: revocation lists and trust bundles.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use m2m_trust::bundle::{Role, TrustBundle};
use m2m_trust::clock_floor::Now;
use m2m_trust::cose::Message;
use m2m_trust::identity::{AuthorityId, Seconds, Slot};
use m2m_trust::initialization::Initialization;
use m2m_trust::revocation::{Crl, Revocations};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::back_off::{BackOff, jitter};
use crate::clock;
use crate::enrolment::retry_after;
use crate::error::ProvisioningError;
use crate::http;
use crate::journal::Step;
use crate::provisioning::{INITIALIZATION_FILE, Inner};

/// How often the loop looks at the clock.
const BEAT: Duration = Duration::from_millis(500);
/// Trust bundles are asked for that often, give or take a half.
const BUNDLE_PERIOD: Duration = Duration::from_secs(3600);

/// What the loop has in mind.
struct Agenda {
    lists: HashMap<AuthorityId, ListDue>,
    slot: Option<Slot>,
    bundle_due: Instant,
    bundle_back_off: BackOff,
    from_mef: bool,
}

/// When one authority's list is to be fetched.
#[derive(Default)]
struct ListDue {
    at: Seconds,
    back_off: BackOff,
    from_file: bool,
}

impl Inner {
    /// Runs until `stop`.
    pub(crate) async fn refresh(&self, mut stop: watch::Receiver<bool>) {
        let mut agenda = Agenda {
            lists: HashMap::new(),
            slot: None,
            bundle_due: Instant::now() + BUNDLE_PERIOD / 2 + jitter(BUNDLE_PERIOD),
            bundle_back_off: BackOff::default(),
            from_mef: false,
        };
        loop {
            let round = async {
                self.refresh_bundle(&mut agenda).await;
                self.refresh_lists(&mut agenda).await;
                tokio::time::sleep(BEAT).await;
            };
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = round => {}
            }
        }
    }

    async fn refresh_lists(&self, agenda: &mut Agenda) {
        let (Some(bundle), Ok(now)) = (self.bundle(), self.now()) else { return };
        let slot = bundle.schedule.slot(now.seconds());
        if agenda.slot.replace(slot) != Some(slot) {
            let mut revocations = self.standing.read().revocations.clone();
            revocations.advance(slot);
            self.standing.write().revocations = revocations;
        }
        for aa in self.issuers(&bundle) {
            let due = agenda.lists.entry(aa.clone()).or_default();
            if !std::mem::replace(&mut due.from_file, true) {
                self.load_list(&aa, &bundle, now, due);
            }
            if now.seconds() >= due.at && due.back_off.is_over() {
                self.refresh_list(&aa, &bundle, now, due).await;
            }
        }
    }

    /// Whose lists can be fetched: through a relay those of all authorities, else that of the node's own.
    fn issuers(&self, bundle: &TrustBundle) -> Vec<AuthorityId> {
        let own = &self.section.aa.id.0;
        let mut issuers = vec![own.clone()];
        if self.section.aa.relay {
            let others =
                bundle.authorities.iter().filter(|other| other.role == Role::Authorization && other.id != *own);
            issuers.extend(others.map(|other| other.id.clone()));
            issuers.dedup();
        }
        issuers
    }

    /// What was fetched before the last stop, where it is still current.
    fn load_list(&self, aa: &AuthorityId, bundle: &TrustBundle, now: Now, due: &mut ListDue) {
        let kept = self.files.read(&list_file(aa)).ok().flatten();
        if let Some(list) = kept {
            match self.accept_list(aa, &list, bundle, now, false) {
                Ok(crl) => due.at = next_fetch(&crl, now),
                Err(error) => tracing::info!("the kept revocation list of `{aa}` is not used: {error}"),
            }
        }
    }

    async fn refresh_list(&self, aa: &AuthorityId, bundle: &TrustBundle, now: Now, due: &mut ListDue) {
        let url = format!("{}/revocations", self.section.aa.base(aa));
        let fetched = http::get(&url, Crl::SIZE_MAX).await;
        let fetched = fetched.map_err(|cause| ProvisioningError::Http { authority: aa.to_string(), cause });
        let accepted = fetched.and_then(|list| self.accept_list(aa, &list, bundle, now, true));
        let own = *aa == self.section.aa.id.0;
        match accepted {
            Ok(crl) => {
                due.back_off.succeeded();
                due.at = next_fetch(&crl, now);
                if own {
                    self.facts().waits.revocations = None;
                }
            }
            Err(error) => {
                due.back_off.failed(retry_after(&error));
                let again = due.back_off.remaining().as_secs();
                tracing::debug!("revocation list of `{aa}`: {error}; again in {again} s");
                if own {
                    let until = self.standing.read().revocations.current_until(aa);
                    let current = until.is_some_and(|until| until > now.seconds());
                    self.facts().waits.revocations = (!current)
                        .then(|| format!("revocation list of `{aa}`: {error}; it is asked for again in {again} s"));
                }
            }
        }
    }

    /// Takes a list. The one before stays in force until the new one is kept.
    pub(crate) fn accept_list(
        &self,
        aa: &AuthorityId,
        list: &[u8],
        bundle: &TrustBundle,
        now: Now,
        keep: bool,
    ) -> Result<Crl, ProvisioningError> {
        let before = self.standing.read().revocations.clone();
        let mut revocations = before.clone();
        let crl = self.raise_floor(|floor| {
            let crl = revocations.accept(list, bundle, now, floor)?;
            if crl.issuer != *aa {
                // Another authority's list in its place: it would count, and this one's would be missing unnoticed.
                return Err(
                    m2m_trust::revocation::CrlError::IssuerName { named: aa.clone(), signer: crl.issuer }.into()
                );
            }
            if keep && revocations != before {
                self.record(&Step::Revocations { aa: aa.to_string(), number: crl.sequence })?;
                self.files.replace(&list_file(aa), list)?;
            }
            // The authority's word for the time: it keeps the clock believable while the MEF is out of reach.
            floor.time = floor.time.max(crl.this_update);
            Ok::<_, ProvisioningError>(crl)
        })?;
        self.take_up(revocations)?;
        Ok(crl)
    }

    fn take_up(&self, revocations: Revocations) -> Result<(), ProvisioningError> {
        self.standing.write().revocations = revocations;
        self.drop_unacceptable()
    }

    async fn refresh_bundle(&self, agenda: &mut Agenda) {
        if self.initialization().is_none() {
            return;
        }
        let wanted = self.bundle_wanted.load(Ordering::Relaxed);
        let due = wanted || Instant::now() >= agenda.bundle_due;
        if !due || !agenda.bundle_back_off.is_over() {
            return;
        }
        // One after the other, in case that one of the two is down or behind.
        let from_mef = agenda.from_mef;
        agenda.from_mef = !from_mef;
        let (mef, aa) = (&self.section.mef, &self.section.aa);
        let (authority, base) = if from_mef { (&mef.id.0, mef.url.to_string()) } else { (&aa.id.0, aa.base(&aa.id.0)) };
        let fetched = http::get(&format!("{base}/bundle"), TrustBundle::SIZE_MAX).await;
        let fetched = fetched.map_err(|cause| ProvisioningError::Http { authority: authority.to_string(), cause });
        match fetched.and_then(|bundle| self.accept_bundle(&bundle)) {
            Ok(newer) => {
                self.facts().waits.bundle = None;
                agenda.bundle_due = Instant::now() + BUNDLE_PERIOD / 2 + jitter(BUNDLE_PERIOD);
                if newer || !wanted {
                    agenda.bundle_back_off.succeeded();
                    self.bundle_wanted.store(false, Ordering::Relaxed);
                } else {
                    agenda.bundle_back_off.failed(None);
                }
            }
            Err(error) => {
                agenda.bundle_back_off.failed(retry_after(&error));
                let again = agenda.bundle_back_off.remaining().as_secs();
                tracing::warn!("trust bundle of `{authority}`: {error}; again in {again} s");
                self.facts().waits.bundle =
                    wanted.then(|| format!("newer trust bundle: {error}; it is asked for again in {again} s"));
            }
        }
    }

    /// Takes a bundle if it is a newer one.
    pub(crate) fn accept_bundle(&self, signed: &[u8]) -> Result<bool, ProvisioningError> {
        let installed = self.initialization().ok_or(ProvisioningError::NotInitialized)?;
        let held = self.bundle().map_or(0, |bundle| bundle.version);
        let bundle = self.raise_floor(|floor| {
            let bundle = TrustBundle::accept(signed, &installed.domain, &installed.roots, floor)?;
            self.check_equivocation(&bundle)?;
            if bundle.version > held {
                self.record(&Step::Bundle { version: bundle.version })?;
                // The file first: a floor above the bundle in the file would leave the node without a bundle.
                let renewed = Initialization { bundle: signed.to_vec().into(), ..(*installed).clone() };
                self.files.replace(INITIALIZATION_FILE, &renewed.encode())?;
            }
            Ok::<_, ProvisioningError>(bundle)
        })?;
        if bundle.version <= held {
            return Ok(false);
        }
        let renewed = Initialization { bundle: signed.to_vec().into(), ..(*installed).clone() };
        self.adopt(renewed, bundle)?;
        Ok(true)
    }
}

fn list_file(aa: &AuthorityId) -> String {
    format!("revocations-{aa}.cose")
}

/// Between 50 and 90 % of the list's time, so that nodes do not come together; soon, where that is past.
fn next_fetch(crl: &Crl, now: Now) -> Seconds {
    let period = crl.next_update.0.saturating_sub(crl.this_update.0);
    let at = crl.this_update.plus(period / 2).plus(clock::below(period / 5 * 2));
    at.max(now.seconds().plus(1 + clock::below(period / 20)))
}
