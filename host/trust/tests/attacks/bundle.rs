use m2m_trust::bundle::{BundleError, Role, TrustBundle};
use m2m_trust::clock_floor::{ClockFloor, FloorError};
use m2m_trust::cose::{self, SignedError};
use m2m_trust::dev::services;
use m2m_trust::identity::{ServiceId, TrustDomain};
use m2m_trust::keys::{KeyError, PublicKey, Signer};

use crate::support::{domain, position};

#[test]
fn a_bundle_is_signed_by_a_root_and_never_older() {
    let mut case = domain();
    let roots = [case.root.public_key()];
    let accept = |bundle: &[u8], domain: &TrustDomain, roots: &[PublicKey], floor: &mut ClockFloor| {
        TrustBundle::accept(bundle, domain, roots, floor)
    };
    let (bundle, own) = (case.signed_bundle(), case.bundle.domain);
    let mut floor = ClockFloor::default();
    assert_eq!(accept(&bundle, &own, &roots, &mut floor), Ok(case.bundle.clone()));
    assert_eq!(floor.bundle_version, 1);
    let signature = BundleError::Signed(SignedError::Key(KeyError::Signature));
    assert_eq!(accept(&bundle, &own, &[case.mef.signing.public_key()], &mut floor), Err(signature.clone()));
    assert_eq!(accept(&bundle, &TrustDomain([1; 16]), &roots, &mut floor), Err(signature));
    case.bundle.version = 2;
    assert!(accept(&case.signed_bundle(), &own, &roots, &mut floor).is_ok());
    let back = FloorError::BundleRollback { offered: 1, floor: 2 };
    assert_eq!(accept(&bundle, &own, &roots, &mut floor), Err(back.into()));
}

#[test]
fn a_bundle_gives_every_key_one_purpose_and_every_number_one_meaning() {
    let check = |change: &dyn Fn(&mut TrustBundle)| {
        let mut case = domain();
        change(&mut case.bundle);
        let roots = [case.root.public_key()];
        let own = case.bundle.domain;
        TrustBundle::accept(&case.signed_bundle(), &own, &roots, &mut ClockFloor::default()).map(|_| ())
    };
    assert_eq!(check(&|_| {}), Ok(()));
    let mef = domain().mef.id;
    let reused = check(&|bundle| {
        let (aa, mef) = (position(bundle, Role::Authorization), position(bundle, Role::Enrolment));
        bundle.authorities[aa].key = bundle.authorities[mef].key;
    });
    assert_eq!(reused, Err(BundleError::KeyReused(mef.clone())));
    let no_key = check(&|bundle| {
        let mef = position(bundle, Role::Enrolment);
        bundle.authorities[mef].sealing_key = None;
    });
    assert_eq!(no_key, Err(BundleError::SealingKey(mef)));
    let twice = check(&|bundle| bundle.services[1].id = bundle.services[0].id);
    assert_eq!(twice, Err(BundleError::Service("metering".to_owned())));
    // Signed for one domain and naming another.
    let case = domain();
    let foreign = TrustDomain([9; 16]);
    let renamed = TrustBundle { domain: foreign, ..case.bundle.clone() };
    let signed = cose::sign_by(&renamed, &case.bundle.domain, &case.root).unwrap();
    let roots = [case.root.public_key()];
    let accepted = TrustBundle::accept(&signed, &case.bundle.domain, &roots, &mut ClockFloor::default());
    assert_eq!(accepted, Err(BundleError::Domain(foreign)));
}

#[test]
fn names_and_numbers_of_services_map_both_ways() {
    let bundle = domain().bundle;
    assert_eq!(bundle.operation("metering/command"), Some((services::METERING, services::command())));
    assert_eq!(bundle.operation_name(services::METERING, services::command()).as_deref(), Some("metering/command"));
    assert_eq!(bundle.operation("metering/destroy"), None);
    assert_eq!(bundle.operation_name(ServiceId(99), services::report()), None);
}
