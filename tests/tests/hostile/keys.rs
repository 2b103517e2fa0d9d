//! Keys of others, and more keys than granted.

use m2m_tests::{Ae, beside_bystander};

const IDENTITY: &str = "[keys.identity]\nalgorithm = \"ed25519\"\nallow = [\"generate\", \"public-key\", \"sign\"]\nreason = \"test\"\n\n\
                        [stateless]\nallow = [\"verify\"]\nreason = \"test\"\n";

#[test]
fn key_thief() {
    let grants = "[keys.\"identity*\"]\nalgorithm = \"ed25519\"\nallow = [\"public-key\", \"sign\"]\nreason = \"test\"\n\n\
                  [keys.own]\nalgorithm = \"ed25519\"\nallow = [\"generate\", \"sign\"]\nreason = \"test\"\n";
    let thief = Ae::guest("key-thief").grants(grants).go("50 ms");
    let rule = thief.rule("[keys.own]", "allow = [\"generate\", \"sign\"]");
    beside_bystander([Ae::guest("keeper").grants(IDENTITY), thief], |node| {
        node.wait_for_line("keeper", "made ");
        node.wait_for_line("key-thief", "done");
        let expected = [
            "open another's, granted: not-found",
            "open nobody's, granted: not-found",
            "open another's, not granted: denied keys.open `victim-only` by no rule",
            "open nobody's, not granted: denied keys.open `nobody` by no rule",
            "aliases: []",
            "sign with its own: ok",
            &format!("destroy its own, not granted: denied keys.destroy `own` by {rule}"),
            "aliases: [\"own\"]",
            "done",
        ];
        assert_eq!(node.log_of("key-thief")[..], expected);
    });
}

#[test]
fn greedy_keys() {
    let grants = "[keys.\"k-*\"]\nalgorithm = \"ed25519\"\nallow = [\"generate\", \"destroy\"]\nmax-keys = 2\nreason = \"test\"\n\n\
                  [keys.one]\nalgorithm = \"ed25519\"\nallow = [\"generate\", \"sign\"]\nreason = \"test\"\n\n\
                  [keys.fleeting]\nalgorithm = \"ed25519\"\nallow = [\"generate\", \"sign\"]\npersistent = false\nreason = \"test\"\n\n\
                  [keys.counted]\nalgorithm = \"ed25519\"\nallow = [\"generate\", \"sign\"]\nreason = \"test\"\n\n\
                  [keys.expired]\nalgorithm = \"ed25519\"\nallow = [\"generate\", \"sign\"]\nreason = \"test\"\n\n\
                  [stateless]\nallow = [\"random\"]\nreason = \"test\"\n";
    // A key that may be made is used for nothing but what its grant allows.
    let ae = Ae::guest("greedy-keys")
        .grants(&grants.replace("\"generate\", \"destroy\"", "\"generate\", \"sign\", \"destroy\""));
    let numbered = ae.rule("[keys.\"k-*\"]", "max-keys = 2");
    let fleeting = ae.rule("[keys.fleeting]", "persistent = false");
    let stateless = ae.rule("[stateless]", "allow = [\"random\"]");
    beside_bystander([ae], |node| {
        node.wait_for_line("greedy-keys", "done");
        let expected = [
            "first: ok",
            "second: ok",
            "third: exhausted",
            "first again: invalid the alias is taken: destroy or rotate that key, or choose another alias",
            "end the first: ok",
            "third, after the end: ok",
            &format!("another algorithm: denied keys.generate `k-4` by {numbered}"),
            "another usage: invalid a usage within what the capability file allows the key `one`",
            &format!("persistent: denied keys.generate `fleeting` by {fleeting}"),
            "ephemeral: ok",
            "outside: denied keys.generate `other` by no rule",
            "random: ok",
            &format!("seal: denied keys.seal `` by {stateless}"),
            "use 1: ok",
            "use 2: ok",
            "use 3: exhausted",
            "over already: invalid `not-after` lies in the past",
            "done",
        ];
        assert_eq!(node.log_of("greedy-keys"), expected);
    });
}
