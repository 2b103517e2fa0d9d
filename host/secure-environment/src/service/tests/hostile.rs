//! Two hostile partitions do whatever they like, with handles of their own, of each other, and made up: two of AEs, or two of
//! provisioning.
//!
//! Whatever they do: no secret byte comes out, usage never grows, nobody reaches the other's keys and sessions, and AEs get
//! nothing that is reserved.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{disk::Disk, open_storage};
use crate::{
    Algorithm, Answer, ByteArray, ChildPolicy, Error, HandleId, Operation, PartitionId, PartitionType, SessionId,
    Template, Usage,
};

/// One step of an attacker. Handles are picked from all that were ever given to anybody, and some that were not.
#[derive(Clone, Debug)]
enum Step {
    Generate(u8, Template),
    Open(u8),
    Close(usize),
    PublicKey(usize),
    Attributes(usize),
    Sign(usize),
    Encrypt(usize),
    DecryptAnything(usize, usize),
    UnsealAnything(usize, usize),
    Agree(usize, usize, Template),
    Derive(usize, Template),
    Mac(usize),
    Rotate(usize),
    Destroy(usize),
    Seal(usize),
    SignRaw(usize),
    UnsealExport(usize, usize),
    Begin(usize, bool),
    Write(usize),
    Read(usize, usize),
    Finish(usize),
    SealInSession(usize),
    OpenInSession(usize, usize),
    End(usize),
    RaiseCounter(u64),
}

fn algorithms() -> impl Strategy<Value = Algorithm> {
    prop::sample::select(vec![
        Algorithm::Ed25519,
        Algorithm::X25519,
        Algorithm::HpkeX25519,
        Algorithm::XWing,
        Algorithm::ChaCha20Poly1305,
        Algorithm::HmacSha256,
    ])
}

fn usages() -> impl Strategy<Value = Usage> {
    (0u16..1 << 13).prop_map(|bits| Usage::from_bits(bits).unwrap())
}

/// Templates that are mostly good, with a child policy now and then.
fn templates() -> impl Strategy<Value = Template> {
    let child = (prop::collection::btree_set(algorithms(), 0..5), usages())
        .prop_map(|(algorithms, usage)| ChildPolicy { algorithms, usage });
    (algorithms(), usages(), any::<bool>(), any::<bool>(), prop::option::of(child), prop::option::of(1u64..4)).prop_map(
        |(algorithm, usage, sensible, persistent, child, max_uses)| {
            let possible = algorithm.usable_for().bits();
            let usage = if sensible { Usage::from_bits(usage.bits() & possible).unwrap() } else { usage };
            Template { algorithm, usage, persistent, not_after: None, max_uses, child }
        },
    )
}

fn steps() -> impl Strategy<Value = Step> {
    let any = any::<usize>;
    prop_oneof![
        4 => (0u8..4, templates()).prop_map(|(alias, template)| Step::Generate(alias, template)),
        2 => (0u8..4).prop_map(Step::Open),
        1 => any().prop_map(Step::Close),
        2 => any().prop_map(Step::PublicKey),
        1 => any().prop_map(Step::Attributes),
        2 => any().prop_map(Step::Sign),
        2 => any().prop_map(Step::Encrypt),
        2 => (any(), any()).prop_map(|(key, input)| Step::DecryptAnything(key, input)),
        2 => (any(), any()).prop_map(|(key, input)| Step::UnsealAnything(key, input)),
        3 => (any(), any(), templates()).prop_map(|(key, peer, template)| Step::Agree(key, peer, template)),
        3 => (any(), templates()).prop_map(|(key, template)| Step::Derive(key, template)),
        2 => any().prop_map(Step::Mac),
        1 => any().prop_map(Step::Rotate),
        1 => any().prop_map(Step::Destroy),
        2 => any().prop_map(Step::Seal),
        2 => any().prop_map(Step::SignRaw),
        1 => (any(), any()).prop_map(|(key, input)| Step::UnsealExport(key, input)),
        3 => (any(), prop::bool::ANY).prop_map(|(key, initiator)| Step::Begin(key, initiator)),
        3 => any().prop_map(Step::Write),
        3 => (any(), any()).prop_map(|(session, input)| Step::Read(session, input)),
        1 => any().prop_map(Step::Finish),
        1 => any().prop_map(Step::SealInSession),
        1 => (any(), any()).prop_map(|(session, input)| Step::OpenInSession(session, input)),
        1 => any().prop_map(Step::End),
        1 => (0u64..4).prop_map(Step::RaiseCounter),
    ]
}

/// What both attackers know together: every output is an input again.
#[derive(Default)]
struct Known {
    outputs: Vec<Vec<u8>>,
    publics: Vec<[u8; 32]>,
    handles: Vec<HandleId>,
    sessions: Vec<SessionId>,
    owners: BTreeMap<u64, PartitionId>,
    /// What each handle's key may be used for, and what its children may.
    rights: BTreeMap<u64, Template>,
}

impl Known {
    fn handle(&self, index: usize) -> HandleId {
        // One in eight is made up.
        match index % 8 {
            0 => HandleId(index as u64),
            _ => self.handles.get(index % self.handles.len().max(1)).copied().unwrap_or(HandleId(1)),
        }
    }

    fn session(&self, index: usize) -> SessionId {
        match index % 8 {
            0 => SessionId(index as u64),
            _ => self.sessions.get(index % self.sessions.len().max(1)).copied().unwrap_or(SessionId(1)),
        }
    }

    fn output(&self, index: usize) -> &[u8] {
        self.outputs.get(index % self.outputs.len().max(1)).map_or(b"made up", Vec::as_slice)
    }

    fn public(&self, index: usize) -> ByteArray<32> {
        ByteArray(self.publics.get(index % self.publics.len().max(1)).copied().unwrap_or([9; 32]))
    }

    fn operation<'a>(&'a self, step: &'a Step) -> Operation<'a> {
        let alias = |n: &u8| format!("key-{n}").into();
        match step {
            Step::Generate(n, template) => Operation::Generate { alias: alias(n), template: template.clone() },
            Step::Open(n) => Operation::Open { alias: alias(n) },
            Step::Close(key) => Operation::Close { key: self.handle(*key) },
            Step::PublicKey(key) => Operation::PublicKey { key: self.handle(*key) },
            Step::Attributes(key) => Operation::Attributes { key: self.handle(*key) },
            Step::Sign(key) => {
                Operation::Sign { key: self.handle(*key), context: "".into(), message: self.output(*key).into() }
            }
            Step::Encrypt(key) => Operation::Encrypt {
                key: self.handle(*key),
                aad: b""[..].into(),
                plaintext: b"a plaintext of theirs"[..].into(),
            },
            Step::DecryptAnything(key, input) => Operation::Decrypt {
                key: self.handle(*key),
                aad: b""[..].into(),
                ciphertext: self.output(*input).into(),
            },
            Step::UnsealAnything(key, input) => Operation::Unseal {
                key: self.handle(*key),
                info: b""[..].into(),
                aad: b""[..].into(),
                sealed: self.output(*input).into(),
            },
            Step::Agree(key, peer, template) => Operation::Agree {
                key: self.handle(*key),
                peer: self.public(*peer),
                info: b""[..].into(),
                template: template.clone(),
            },
            Step::Derive(key, template) => {
                Operation::Derive { key: self.handle(*key), info: b""[..].into(), template: template.clone() }
            }
            Step::Mac(key) => Operation::Mac { key: self.handle(*key), message: self.output(*key).into() },
            Step::Rotate(key) => Operation::Rotate { key: self.handle(*key) },
            Step::Destroy(key) => Operation::Destroy { key: self.handle(*key) },
            Step::Seal(peer) => Operation::Seal {
                public_key: self.public(*peer),
                info: b""[..].into(),
                aad: b""[..].into(),
                plaintext: b"a plaintext of theirs"[..].into(),
            },
            Step::SignRaw(key) => Operation::SignRaw { key: self.handle(*key), message: self.output(*key).into() },
            Step::UnsealExport(key, input) => {
                let (encapsulated, ciphertext) = self.output(*input).split_at(self.output(*input).len().min(32));
                Operation::UnsealExport {
                    key: self.handle(*key),
                    info: b""[..].into(),
                    aad: b""[..].into(),
                    encapsulated: encapsulated.into(),
                    ciphertext: ciphertext.into(),
                    exporter_context: b""[..].into(),
                }
            }
            Step::Begin(key, initiator) => {
                Operation::NoiseBegin { key: self.handle(*key), initiator: *initiator, prologue: b""[..].into() }
            }
            Step::Write(session) => {
                Operation::NoiseWrite { session: self.session(*session), payload: b"theirs"[..].into() }
            }
            Step::Read(session, input) => {
                Operation::NoiseRead { session: self.session(*session), message: self.output(*input).into() }
            }
            Step::Finish(session) => Operation::NoiseFinish { session: self.session(*session) },
            Step::SealInSession(session) => {
                Operation::NoiseSeal { session: self.session(*session), plaintext: b"theirs"[..].into() }
            }
            Step::OpenInSession(session, input) => Operation::NoiseOpen {
                session: self.session(*session),
                counter: 0,
                ciphertext: self.output(*input).into(),
            },
            Step::End(session) => Operation::NoiseEnd { session: self.session(*session) },
            Step::RaiseCounter(value) => Operation::RaiseCounters { counters: vec![("time".into(), *value)] },
        }
    }
}

/// The handle of a key or session that an operation names, and the right that it needs. Both kinds count together.
fn needs(operation: &Operation<'_>) -> Option<(HandleId, Usage)> {
    Some(match operation {
        Operation::SignRaw { key, .. } => (*key, Usage::SIGN_RAW),
        Operation::UnsealExport { key, .. } => (*key, Usage::UNSEAL_EXPORT),
        Operation::NoiseBegin { key, .. } => (*key, Usage::NOISE),
        Operation::NoiseWrite { session, .. }
        | Operation::NoiseRead { session, .. }
        | Operation::NoiseFinish { session }
        | Operation::NoiseSeal { session, .. }
        | Operation::NoiseOpen { session, .. }
        | Operation::NoiseEnd { session } => (HandleId(session.0), Usage::NOISE),
        Operation::Sign { key, .. } => (*key, Usage::SIGN),
        Operation::Encrypt { key, .. } => (*key, Usage::ENCRYPT),
        Operation::Decrypt { key, .. } => (*key, Usage::DECRYPT),
        Operation::Unseal { key, .. } => (*key, Usage::UNSEAL),
        Operation::Agree { key, .. } => (*key, Usage::AGREE),
        Operation::Derive { key, .. } => (*key, Usage::DERIVE),
        Operation::Mac { key, .. } => (*key, Usage::MAC),
        Operation::Rotate { key } => (*key, Usage::ROTATE),
        Operation::Destroy { key } => (*key, Usage::DESTROY),
        Operation::Close { key } | Operation::PublicKey { key } | Operation::Attributes { key } => (*key, Usage::NONE),
        _ => return None,
    })
}

/// Whether a child with `child` is within what its parent may have.
fn within(child: &Template, parent: &Template) -> bool {
    let Some(policy) = &parent.child else { return false };
    let grandchildren = child.child.as_ref();
    policy.algorithms.contains(&child.algorithm)
        && policy.usage.contains(child.usage)
        && grandchildren.is_none_or(|g| policy.usage.contains(g.usage) && g.algorithms.is_subset(&policy.algorithms))
}

fn output_bytes(answer: &Answer) -> Vec<u8> {
    let mut encoded = Vec::new();
    ciborium::into_writer(answer, &mut encoded).unwrap();
    encoded
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn hostile_partitions_get_nothing(privileged in any::<bool>(), script in prop::collection::vec((any::<bool>(), steps()), 1..80)) {
        let environment = open_storage(Box::new(Disk::default())).unwrap();
        let (kind, channel) = if privileged {
            (PartitionType::provisioning(), environment.provisioning())
        } else {
            (PartitionType::new("ae").unwrap(), environment.channel())
        };
        let partitions = [(); 2].map(|()| environment.management().create_partition(&kind).unwrap());
        let mut known = Known::default();
        let mut transcript = Vec::new();
        let mut secrets = BTreeSet::new();

        for (who, step) in &script {
            let caller = partitions[usize::from(*who)];
            let operation = known.operation(step);
            let needed = needs(&operation);
            let result = channel.call(caller, operation.clone());
            secrets.extend(environment.secrets());
            transcript.extend(format!("{result:?}").into_bytes());
            if !privileged && operation.is_reserved() {
                prop_assert_eq!(result, Err(Error::Reserved), "{:?}", operation);
                continue;
            }
            let Ok(answer) = result else {
                if let Some((key, _)) = needed
                    && known.owners.get(&key.0) != Some(&caller)
                {
                    // Nothing tells that the key exists.
                    prop_assert_eq!(result, Err(Error::NotFound), "{:?}", operation);
                }
                continue;
            };
            transcript.extend(output_bytes(&answer));

            if let Some((key, usage)) = needed {
                prop_assert_eq!(known.owners.get(&key.0), Some(&caller), "a foreign handle worked: {:?}", operation);
                prop_assert!(known.rights[&key.0].usage.contains(usage), "usage grew: {:?}", operation);
            }
            let attributes = |handle| match channel.call(caller, Operation::Attributes { key: handle }) {
                Ok(Answer::Attributes(attributes)) => attributes,
                other => panic!("{other:?}"),
            };
            match answer {
                Answer::Key(handle) => {
                    let template = attributes(handle).template;
                    if let Operation::Agree { key, .. } | Operation::Derive { key, .. } = &operation {
                        prop_assert!(within(&template, &known.rights[&key.0]), "a child grew: {:?}", template);
                    }
                    prop_assert!(privileged || !template.is_reserved(), "an AE has what is reserved: {:?}", template);
                    known.handles.push(handle);
                    known.owners.insert(handle.0, caller);
                    known.rights.insert(handle.0, template);
                }
                Answer::Bytes32(bytes) if matches!(step, Step::PublicKey(_)) => known.publics.push(bytes.0),
                Answer::Bytes32(bytes) => known.outputs.push(bytes.0.to_vec()),
                Answer::Signature(bytes) => known.outputs.push(bytes.0.to_vec()),
                Answer::Bytes(bytes) => known.outputs.push(bytes.into_vec()),
                Answer::Attributes(now) => {
                    let Some((key, _)) = needed else { panic!("attributes of nothing") };
                    prop_assert_eq!(&now.template, &known.rights[&key.0]);
                }
                Answer::Session(session) => {
                    let Operation::NoiseBegin { key, .. } = &operation else { panic!("a session of nothing") };
                    known.sessions.push(session);
                    known.owners.insert(session.0, caller);
                    known.rights.insert(session.0, known.rights[&key.0].clone());
                }
                Answer::Payload { payload: bytes, .. }
                | Answer::Sealed { ciphertext: bytes, .. }
                | Answer::Unsealed { plaintext: bytes, .. } => known.outputs.push(bytes.into_vec()),
                Answer::Counters(_) => {}
                Answer::Done | Answer::Aliases(_) | Answer::Verdict(_) | Answer::Version(_) => {}
            }
        }

        for secret in &secrets {
            // Eight bytes in a row do not come about by chance.
            for piece in secret.windows(8) {
                prop_assert!(!transcript.windows(8).any(|window| window == piece), "a secret came out");
            }
        }
    }
}
