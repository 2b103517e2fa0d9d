//! State folders and root keys that were used before.

use std::fs;
use std::os::unix::fs::symlink;

use m2m_tests::TestNode;

#[test]
fn a_second_node_on_one_state_folder() {
    let folder = TestNode::new().bystander().stage();
    let node = folder.start();
    let answer = folder.start_refused();
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(answer.stderr.contains("another node runs on the state folder `./state`: stop it first"), "{answer:?}");
    // The first one did not notice.
    node.wait_for_line("echo", "got 10");
    node.stop();
    folder.start().stop();
    folder.assert_audit_holds();
}

#[test]
fn another_root_key_than_the_store_was_made_with() {
    let folder = TestNode::new().bystander().stage();
    folder.start().stop();
    let key = folder.read("root.key");
    folder.write("root.key", [7; 32]);
    let answer = folder.start_refused();
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(answer.stderr.contains("the root key does not open this store"), "{answer:?}");
    assert!(answer.stderr.contains("it is not the one the store was made with"), "{answer:?}");
    // Nothing was changed by the attempt.
    folder.write("root.key", key);
    folder.start().stop();
    folder.assert_audit_holds();
}

#[test]
fn another_kind_of_root_key() {
    let folder = TestNode::new().bystander().stage();
    folder.start().stop();
    let text = String::from_utf8(folder.read("node.toml")).unwrap();
    folder.write("node.toml", text.replace("credential =", "passphrase-file ="));
    let answer = folder.start_refused();
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(
        answer.stderr.contains("the store's root key comes from `credential`, not from `passphrase`"),
        "{answer:?}"
    );
}

/// A name that points out of the folder is not followed, for components and capability files alike.
#[test]
fn links_that_lead_outside() {
    let outside = tempfile::tempdir().unwrap();
    for name in ["components/echo.wasm", "policies/echo.toml"] {
        let folder = TestNode::new().bystander().stage();
        let elsewhere = outside.path().join(name.replace('/', "-"));
        fs::rename(folder.path().join(name), &elsewhere).or_else(|_| fs::write(&elsewhere, folder.read(name))).unwrap();
        let _ = fs::remove_file(folder.path().join(name));
        symlink(&elsewhere, folder.path().join(name)).unwrap();
        let node = folder.start();
        let report = node.ae("echo");
        assert_eq!(report.life, "refused", "{name}");
        assert!(report.refused.contains(name), "{report:?}");
        node.stop();
    }
}
