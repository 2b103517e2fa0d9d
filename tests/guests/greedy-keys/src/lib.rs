//! Makes more keys than its grant allows, and keys of other kinds.

use m2m_guest_sdk::keys::{self, Algorithm, Template, Usage};
use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info};
use tell::tell;

struct GreedyKeys;

impl ApplicationEntity for GreedyKeys {
    fn init() -> Result<Self> {
        let template = Template::ed25519().and(Usage::DESTROY);
        let first = keys::generate("k-1", template);
        tell("first", &first);
        tell("second", &keys::generate("k-2", template));
        tell("third", &keys::generate("k-3", template));
        tell("first again", &keys::generate("k-1", template));
        tell("end the first", &first?.destroy());
        tell("third, after the end", &keys::generate("k-3", template));
        tell("another algorithm", &keys::generate("k-4", Template::x25519()));
        tell("another usage", &keys::generate("one", Template::new(Algorithm::Ed25519, Usage::SIGN | Usage::ATTEST)));
        tell("persistent", &keys::generate("fleeting", Template::ed25519()));
        tell("ephemeral", &keys::generate("fleeting", Template::ed25519().ephemeral()));
        tell("outside", &keys::generate("other", Template::ed25519()));
        tell("random", &keys::random::<16>());
        tell("seal", &keys::seal(&[9; 32], b"", b"", b"x"));
        let uses = keys::generate("counted", Template::ed25519().max_uses(2))?;
        for use_of in ["use 1", "use 2", "use 3"] {
            tell(use_of, &uses.sign("greedy", b"x"));
        }
        tell("over already", &keys::generate("expired", Template::ed25519().not_after(1)));
        info!("done");
        Ok(GreedyKeys)
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        Ok(())
    }
}

ae!(GreedyKeys);
