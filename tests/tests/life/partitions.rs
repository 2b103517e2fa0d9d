//! Keys belong to a name and a component.

use m2m_tests::{Ae, Folder, TestNode, digest, guest, with_custom_section};

const KEYS: &str = "[keys.identity]\nalgorithm = \"ed25519\"\nallow = [\"generate\", \"public-key\", \"sign\"]\nreason = \"test\"\n\n\
                    [stateless]\nallow = [\"verify\"]\nreason = \"test\"\n";

/// `keeper` in its build `build`; the first is the guest as it is.
fn build(build: u8) -> Vec<u8> {
    match build {
        1 => guest("keeper").to_vec(),
        other => with_custom_section(guest("keeper"), other),
    }
}

fn keeper(name: &str, component: &[u8]) -> Ae {
    Ae::of(name, component).grants(KEYS)
}

/// What the AE says of its key: `made` or `found`, and the public key.
fn key(folder: &Folder, name: &str) -> (String, String) {
    let node = folder.start();
    let line = node.wait_for("the keeper's key", |node| node.log_of(name).first().cloned());
    node.stop();
    let (how, key) = line.split_once(' ').unwrap();
    (how.to_owned(), key.to_owned())
}

fn check(folder: &Folder, ae: Ae, name: &str, how: &str) -> String {
    TestNode::new().ae(ae).write_aes(folder);
    let (found, key) = key(folder, name);
    assert_eq!(found, how);
    key
}

#[test]
fn a_new_component_under_an_old_name_has_a_partition_of_its_own() {
    let folder = TestNode::new().stage();
    let first = check(&folder, keeper("a", &build(1)), "a", "made");
    assert_eq!(check(&folder, keeper("a", &build(1)), "a", "found"), first);
    let second = check(&folder, keeper("a", &build(2)), "a", "made");
    assert_ne!(second, first);
    // Each build finds its own again.
    assert_eq!(check(&folder, keeper("a", &build(1)), "a", "found"), first);
    assert_eq!(check(&folder, keeper("a", &build(2)), "a", "found"), second);
    folder.assert_audit_holds();
}

#[test]
fn a_component_under_another_name_has_a_partition_of_its_own() {
    let folder = TestNode::new().stage();
    let first = check(&folder, keeper("a", &build(1)), "a", "made");
    let second = check(&folder, keeper("b", &build(1)), "b", "made");
    assert_ne!(first, second);
    assert_eq!(check(&folder, keeper("a", &build(1)), "a", "found"), first);
}

#[test]
fn keys_go_on_by_an_update_that_is_named() {
    let folder = TestNode::new().stage();
    let inherits = |old: u8| format!("inherits-keys-of = \"{}\"", digest(&build(old)));
    let first = check(&folder, keeper("a", &build(1)), "a", "made");
    assert_eq!(check(&folder, keeper("a", &build(2)).entry(&inherits(1)), "a", "found"), first);
    // The line may stay, and may go.
    assert_eq!(check(&folder, keeper("a", &build(2)).entry(&inherits(1)), "a", "found"), first);
    assert_eq!(check(&folder, keeper("a", &build(2)), "a", "found"), first);
    // The old build has them no longer.
    assert_ne!(check(&folder, keeper("a", &build(1)), "a", "made"), first);
    // Nobody inherits what another name has.
    TestNode::new().ae(keeper("b", &build(3)).entry(&inherits(2))).write_aes(&folder);
    let node = folder.start();
    let refused = node.ae("b").refused;
    assert!(refused.contains("no component of that digest has keys under the name `b`"), "{refused}");
    node.stop();
    folder.assert_audit_holds();
}

#[test]
fn edited_ties_are_refused() {
    let folder = TestNode::new().ae(keeper("a", &build(1))).ae(keeper("b", &build(2))).stage();
    let node = folder.start();
    node.wait_for_line("a", "made ");
    node.wait_for_line("b", "made ");
    node.stop();
    let whole = folder.read("state/partitions.json");
    let text = String::from_utf8(whole.clone()).unwrap();
    // Two AEs change places, and with them their keys.
    let swapped =
        text.replace("\\\"a\\\"", "\\\"c\\\"").replace("\\\"b\\\"", "\\\"a\\\"").replace("\\\"c\\\"", "\\\"b\\\"");
    assert_ne!(swapped, text);
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for changed in [swapped.into_bytes(), flipped, whole[..whole.len() - 1].to_vec(), b"{}".to_vec(), Vec::new()] {
        folder.write("state/partitions.json", &changed);
        let answer = folder.start_refused();
        assert_eq!(answer.code, Some(1), "{answer:?}");
        assert!(answer.stderr.contains("`partitions.json` in the state folder is not authentic"), "{answer:?}");
        assert!(answer.stderr.contains("restore the state folder"), "{answer:?}");
    }
    folder.write("state/partitions.json", whole);
    let node = folder.start();
    node.wait_for_line("a", "found ");
    node.stop();
    folder.assert_audit_holds();
}

/// What is refused takes over nothing.
#[test]
fn a_component_that_cannot_run_does_not_take_the_keys() {
    let folder = TestNode::new().stage();
    let first = check(&folder, keeper("a", &build(1)), "a", "made");
    let no_ae = m2m_tests::text_component("(component)");
    let entry = format!("inherits-keys-of = \"{}\"", digest(&build(1)));
    TestNode::new().ae(Ae::of("a", &no_ae).grants(KEYS).entry(&entry)).write_aes(&folder);
    let node = folder.start();
    let refused = node.ae("a").refused;
    assert!(refused.contains("does not fit the contract of an AE"), "{refused}");
    node.stop();
    assert_eq!(check(&folder, keeper("a", &build(1)), "a", "found"), first);
}
