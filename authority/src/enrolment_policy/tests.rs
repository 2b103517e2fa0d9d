//! Every condition, allowed and refused.

use m2m_trust::aif::Scope;
use m2m_trust::credential::{
    Certification, Confirmation, HardwareVersion, InitialCredential, Profile, SecureEnvironmentType,
};
use m2m_trust::dev::{DevDomain, services};
use m2m_trust::enrolment::{DebugStatus, EnrolmentStatus, Evidence, Measurement, Measurements};
use m2m_trust::identity::{CanonicalId, Digest};
use m2m_trust::keys::Signer;
use m2m_trust::seal::Suite;

use super::{Applicant, EnrolmentPolicy, Verdict};

const GRANTS: &str = "services = [\"metering/report\", \"alarm/raise\"]\nquota = 400\nterm = \"30 days\"\n";
const GOOD: &str = "sha256:0101010101010101010101010101010101010101010101010101010101010101";

fn domain() -> DevDomain {
    DevDomain::new("policy", Suite::X25519)
}

fn policy(conditions: &str) -> EnrolmentPolicy {
    let text = format!("[[rule]]\nname = \"rule\"\nreason = \"test\"\n{GRANTS}{conditions}");
    EnrolmentPolicy::parse("enrolment.toml", &text, &domain().bundle).unwrap()
}

fn credential() -> InitialCredential {
    InitialCredential {
        confirmation: Confirmation(domain().root.public_key()),
        canonical_id: CanonicalId::random([7; 16]),
        manufacturer: [8; 16],
        hardware_model: b"gateway-2".to_vec().into(),
        hardware_version: HardwareVersion { version: "1.2".to_owned() },
        certifications: Some(vec![Certification { registrar: "https://r".to_owned(), platform: "p".to_owned() }]),
        profile: Profile {
            software_stability: 2,
            hardware_stability: 3,
            attack_resistance: 1,
            service_functions: vec!["security".to_owned(), "messaging".to_owned()],
            secure_environment: SecureEnvironmentType::Library,
        },
    }
}

fn evidence(measured: &[(&str, [u8; 32])]) -> Evidence {
    let measured =
        measured.iter().map(|(name, digest)| Measurement { name: (*name).to_owned(), digest: Digest(*digest) });
    Evidence { nonce: [0; 16], debug: DebugStatus::Disabled, boots: 1, measurements: Measurements(measured.collect()) }
}

fn reports() -> Scope {
    Scope::empty().with(services::METERING, services::report())
}

/// The status, and the unmet condition up to its first colon.
fn decide(policy: &EnrolmentPolicy, evidence: &Evidence, wanted: &Scope) -> (EnrolmentStatus, String) {
    let credential = credential();
    match policy.decide(&Applicant { credential: &credential, evidence, wanted }) {
        Verdict::Granted(_) => (EnrolmentStatus::Granted, String::new()),
        Verdict::Refused { status, unmet, .. } => {
            let unmet = unmet.unwrap_or_default();
            (status, unmet.split(':').next().unwrap_or_default().to_owned())
        }
    }
}

#[test]
fn each_condition_of_the_profile_allows_and_refuses() {
    let cases = [
        ("software-stability = 2", "software-stability = 3", "software-stability"),
        ("hardware-stability = 3", "hardware-stability = 4", "hardware-stability"),
        ("attack-resistance = 1", "attack-resistance = 2", "attack-resistance"),
        ("secure-environments = [\"tee\", \"library\"]", "secure-environments = [\"tee\"]", "secure-environments"),
        ("service-functions = [\"security\"]", "service-functions = [\"security\", \"location\"]", "service-functions"),
        (
            "certifications = [{ registrar = \"https://q\", platform = \"p\" }, { registrar = \"https://r\", platform = \"p\" }]",
            "certifications = [{ registrar = \"https://r\", platform = \"q\" }]",
            "certifications",
        ),
        ("models = [\"gateway-1\", \"gateway-2\"]", "models = [\"gateway\"]", "models"),
    ];
    for (met, unmet, name) in cases {
        assert_eq!(decide(&policy(met), &evidence(&[]), &reports()).0, EnrolmentStatus::Granted, "{met}");
        let expected = (EnrolmentStatus::ProfileTooLow, name.to_owned());
        assert_eq!(decide(&policy(unmet), &evidence(&[]), &reports()), expected, "{unmet}");
    }
}

#[test]
fn each_condition_of_the_evidence_allows_and_refuses() {
    let (host, other) = (("host", [1; 32]), ("policy:meter", [2; 32]));
    let measured = |text: &str| format!("measurements = {{ host = [\"{GOOD}\"] }}\n{text}");
    let (only, any) = (measured("other-measurements = \"deny\"\n"), measured(""));
    let allowed = [
        ("debug = [\"disabled\"]", &[][..]),
        (any.as_str(), &[host][..]),
        (any.as_str(), &[other, host][..]),
        (only.as_str(), &[host][..]),
    ];
    for (conditions, measured) in allowed {
        let decided = decide(&policy(conditions), &evidence(measured), &reports());
        assert_eq!(decided.0, EnrolmentStatus::Granted, "{conditions}");
    }
    let refused = [
        ("debug = [\"disabled-permanently\", \"enabled\"]", &[][..], "debug"),
        (any.as_str(), &[][..], "measurements"),
        (any.as_str(), &[("host", [2; 32])][..], "measurements"),
        // A second entry of the name does not hide the first.
        (any.as_str(), &[host, ("host", [2; 32])][..], "measurements"),
        (only.as_str(), &[host, other][..], "measurements"),
        ("other-measurements = \"deny\"", &[other][..], "measurements"),
    ];
    for (conditions, measured, name) in refused {
        let expected = (EnrolmentStatus::MeasurementNotAllowed, name.to_owned());
        assert_eq!(decide(&policy(conditions), &evidence(measured), &reports()), expected, "{conditions} {measured:?}");
    }
}

#[test]
fn what_is_granted_is_what_the_rule_says() {
    let policy = policy("authorities = [\"other-aa\"]");
    let (credential, evidence) = (credential(), evidence(&[]));
    let wanted = reports();
    let applicant = Applicant { credential: &credential, evidence: &evidence, wanted: &wanted };
    let Verdict::Granted(granted) = policy.decide(&applicant) else { panic!("refused") };
    assert_eq!((granted.rule, granted.quota, granted.seconds), ("rule", 400, 30 * 24 * 3600));
    assert_eq!(granted.authorities.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["other-aa"]);
    let commands = Scope::empty().with(services::METERING, services::command());
    let expected = (EnrolmentStatus::ServiceNotAllowed, "services".to_owned());
    assert_eq!(decide(&policy, &evidence, &commands), expected);
}

#[test]
fn the_first_rule_that_holds_decides_and_none_refuses() {
    let rule = |name: &str, conditions: &str| {
        format!("[[rule]]\nname = \"{name}\"\nreason = \"test\"\n{GRANTS}{conditions}\n")
    };
    let parse = |text: &str| EnrolmentPolicy::parse("enrolment.toml", text, &domain().bundle).unwrap();
    let (credential, evidence, wanted) = (credential(), evidence(&[]), reports());
    let applicant = Applicant { credential: &credential, evidence: &evidence, wanted: &wanted };

    let strict = rule("strict", "software-stability = 4");
    let several = parse(&[strict.clone(), rule("first", ""), rule("second", "")].concat());
    assert!(matches!(several.decide(&applicant), Verdict::Granted(granted) if granted.rule == "first"));

    let nobody = parse("");
    let refused = Verdict::Refused { status: EnrolmentStatus::ServiceNotAllowed, rule: None, unmet: None };
    assert_eq!(nobody.decide(&applicant), refused);

    // The one that came further tells the node what is wrong.
    let both = parse(&[strict, rule("measured", &format!("measurements = {{ host = [\"{GOOD}\"] }}"))].concat());
    let closest = both.decide(&applicant);
    assert!(matches!(
        closest,
        Verdict::Refused { status: EnrolmentStatus::MeasurementNotAllowed, rule: Some("measured"), .. }
    ));
}

#[test]
fn a_file_that_is_not_understood_is_refused_with_the_place() {
    let base = |line: &str| format!("[[rule]]\nname = \"rule\"\nreason = \"test\"\n{GRANTS}{line}\n");
    let cases = [
        (base("software-stabilty = 1"), "enrolment.toml:7", "unknown field `software-stabilty`"),
        (base("software-stability = 5"), "enrolment.toml:7", "a level is 0 to 4"),
        (base("secure-environments = [\"box\"]"), "enrolment.toml:7", "unknown variant `box`"),
        (base("debug = [\"off\"]"), "enrolment.toml:7", "unknown variant `off`"),
        (base("measurements = { host = [\"sha256:01\"] }"), "enrolment.toml:7", "64 hexadecimal digits"),
        (base("authorities = [\"mef\"]"), "enrolment.toml:7", "no such AA in the trust bundle"),
        (base("").replace("alarm/raise", "alarm/lower"), "enrolment.toml:4", "no such operation in the trust bundle"),
        (base("").replace("400", "0"), "enrolment.toml:5", "a quota of 0 grants nothing"),
        (base("").replace("30 days", "soon"), "enrolment.toml:6", "`soon` is no duration"),
        (base("").replace("reason = \"test\"", "reason = \" \""), "enrolment.toml:3", "every rule has a reason"),
        (base("").replace("quota = 400\n", ""), "enrolment.toml:1", "missing field `quota`"),
        (base("").repeat(2), "enrolment.toml:9", "a second rule of this name"),
        ("[rules]\n".to_owned(), "enrolment.toml:1", "unknown field `rules`"),
    ];
    for (text, place, message) in cases {
        let error = EnrolmentPolicy::parse("enrolment.toml", &text, &domain().bundle).unwrap_err().to_string();
        assert!(error.contains(place) && error.contains(message), "expected {place} {message}:\n{error}");
    }
}
