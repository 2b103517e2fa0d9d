//! Components that need more than a table: cut ones, and compiled code.

use std::fs;

use m2m_tests::{Ae, TestNode, guest};

/// A component that ends early is refused, wherever it ends, and the others on the node run.
#[test]
fn a_component_cut_anywhere() {
    let whole = guest("keeper");
    let grants = "[keys.identity]\nalgorithm = \"ed25519\"\nallow = [\"generate\", \"public-key\", \"sign\"]\nreason = \"test\"\n\n\
                  [stateless]\nallow = [\"verify\"]\nreason = \"test\"\n";
    let step = whole.len() / 24;
    let ends: Vec<usize> = (9..whole.len()).step_by(step).chain([whole.len() - 1]).collect();
    let mut node = TestNode::new().ae(Ae::of("whole", whole).grants(grants));
    for end in &ends {
        node = node.ae(Ae::of(&format!("cut-{end}"), &whole[..*end]).grants(grants));
    }
    let folder = node.stage();
    let node = folder.start();
    let report = node.status();
    for end in &ends {
        let ae = report.ae(&format!("cut-{end}"));
        assert_eq!(ae.life, "refused", "cut at {end}");
        let known = ["is malformed", "does not fit the contract"].iter().any(|words| ae.refused.contains(words));
        assert!(known, "cut at {end}: {}", ae.refused);
    }
    node.wait_for_line("whole", "made ");
    node.stop();
    folder.assert_audit_holds();
}

/// A bit that flips anywhere is either refused or harmless; the node goes on in any case.
#[test]
fn a_component_with_a_flipped_bit() {
    let whole = guest("echo");
    let mut node = TestNode::new().bystander();
    let places: Vec<usize> = (8..whole.len()).step_by(whole.len() / 24).collect();
    for place in &places {
        let mut flipped = whole.to_vec();
        flipped[*place] ^= 1 << (place % 8);
        node = node.ae(Ae::of(&format!("flipped-{place}"), &flipped)
            .grants("[[subscribe]]\ntopic = \"bystander/+\"\nfrom = [\"ae:*\"]\nreason = \"test\"\n"));
    }
    let folder = node.stage();
    let node = folder.start();
    node.wait_for("numbers of the bystander", |node| (node.log_of("echo").len() > 20).then_some(()));
    let lives: Vec<String> = node.status().aes.iter().map(|ae| ae.life.clone()).collect();
    assert!(lives.iter().any(|life| life == "refused"), "{lives:?}");
    node.stop();
    folder.assert_audit_holds();
}

/// What the node compiled for itself is no component: taken from the cache, and given as one, it is refused.
#[test]
fn compiled_code() {
    let folder = TestNode::new().bystander().stage();
    folder.start().stop();
    let (name, kept) = cached(&folder);
    let code = &kept[32..];
    assert!(code.starts_with(b"\x7fELF"), "the cache holds a MAC and compiled code");
    folder.write("components/echo.wasm", code);
    let node = folder.start();
    let refused = node.ae("echo").refused;
    assert!(refused.contains("is compiled code, which is only ever taken from the node's own cache"), "{refused}");
    node.stop();
    assert!(folder.state("cache").join(name).exists());
}

/// Compiled code that somebody changed is not run: the component is compiled anew, and the AE runs.
#[test]
fn a_changed_cache() {
    let folder = TestNode::new().bystander().stage();
    folder.start().stop();
    for change in [0, 40, 5000] {
        let (name, mut kept) = cached(&folder);
        kept[change] ^= 1;
        fs::write(folder.state("cache").join(&name), kept).unwrap();
        let node = folder.start();
        let warning = format!("`cache/{name}` is not authentic: it is ignored and compiled anew");
        assert!(node.log().iter().any(|line| line.message == warning), "byte {change}: {}", node.log_text());
        node.wait_for_line("echo", "got 1");
        node.stop();
    }
    let node = folder.start();
    assert!(!node.log().iter().any(|line| line.message.contains("not authentic")), "{}", node.log_text());
    node.stop();
    folder.assert_audit_holds();
}

fn cached(folder: &m2m_tests::Folder) -> (String, Vec<u8>) {
    let digest = m2m_tests::digest(guest("echo")).replace("sha256:", "");
    let names =
        fs::read_dir(folder.state("cache")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let name = names.into_iter().find(|name| name.starts_with(&digest)).expect("the compiled `echo`");
    let kept = fs::read(folder.state("cache").join(&name)).unwrap();
    (name, kept)
}
