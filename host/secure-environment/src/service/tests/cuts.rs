//! Every step of every change fails, or is the last one before a power cut. INVARIANT (before or after).

use std::collections::BTreeMap;

use super::{
    ae,
    disk::{Disk, Fault, Mode},
    new_partition, open_storage,
};
use crate::{Algorithm, Error, Head, InProcess, Partition, PartitionId, PartitionType, Template, Usage};

/// What can be seen of a store: per partition the keys with their versions, the head, and the counters.
type Seen = (Vec<Vec<(String, u32)>>, Option<Head>, BTreeMap<String, u64>);

fn see(environment: &InProcess) -> Seen {
    let management = environment.management();
    let mut counters = BTreeMap::new();
    let keys = |(id, kind): (PartitionId, PartitionType)| {
        let partition = if kind == PartitionType::provisioning() {
            let partition = Partition::new(environment.provisioning(), id);
            counters.extend(partition.counters().unwrap());
            partition
        } else {
            Partition::new(environment.channel(), id)
        };
        let version = |alias: String| {
            let attributes = partition.open(&alias).unwrap().attributes().unwrap();
            (alias, attributes.version)
        };
        partition.aliases().unwrap().into_iter().map(version).collect()
    };
    let mut partitions: Vec<_> = management.partitions().unwrap().into_iter().map(keys).collect();
    partitions.sort();
    (partitions, management.head("audit").unwrap(), counters)
}

struct Prepared {
    disk: Disk,
    id: PartitionId,
    provisioning: PartitionId,
    ciphertext: Vec<u8>,
}

fn template() -> Template {
    Template::new(Algorithm::ChaCha20Poly1305, Algorithm::ChaCha20Poly1305.usable_for()).persistent()
}

fn prepare() -> Prepared {
    let disk = Disk::default();
    let environment = open_storage(Box::new(disk.clone())).unwrap();
    let partition = new_partition(&environment);
    let ciphertext = partition.generate("old", &template()).unwrap().encrypt(b"", b"old").unwrap();
    environment.management().record_head("audit", head(1)).unwrap();
    let provisioning = environment.management().create_partition(&PartitionType::provisioning()).unwrap();
    Partition::new(environment.provisioning(), provisioning).raise_counters(&[("time", 1), ("epoch", 1)]).unwrap();
    Prepared { disk, id: partition.id(), provisioning, ciphertext }
}

fn head(seq: u64) -> Head {
    Head { seq, hash: [1; 32] }
}

/// Runs `change` with every fault at every step, and looks at every disk that may result.
fn check(change: impl Fn(&InProcess, &Partition) -> Result<(), Error>) {
    check_on(&prepare(), change);
}

fn check_on(prepared: &Prepared, change: impl Fn(&InProcess, &Partition) -> Result<(), Error>) {
    let before = see(&open_storage(Box::new(prepared.disk.copy())).unwrap());
    let run = |fault: Option<Fault>| {
        let disk = prepared.disk.copy();
        let environment = open_storage(Box::new(disk.clone())).unwrap();
        disk.set_fault(fault);
        let partition = Partition::new(environment.channel(), prepared.id);
        let result = change(&environment, &partition);
        (disk, environment, result)
    };
    let (disk, environment, result) = run(None);
    result.unwrap();
    let after = see(&environment);
    assert_ne!(before, after);
    let steps = disk.steps();
    assert!(steps >= 4, "{steps}");

    for step in 0..steps {
        for mode in [Mode::Cut, Mode::Fail, Mode::FailAfter] {
            let fault = Fault { step, mode };
            let (disk, environment, result) = run(Some(fault));
            assert_disks(&disk, &before, &after, result.is_ok(), prepared, &format!("{fault:?}, {result:?}"));
            if mode == Mode::Cut {
                continue;
            }
            // The process goes on: it shows what it answered, and either takes the change now or says why not.
            let expected = if result.is_ok() { &after } else { &before };
            assert_eq!(&see(&environment), expected, "{fault:?}");
            if result.is_err() {
                // And the power may go at any step of that second try.
                for cut in 0..=steps {
                    let (disk, environment, _) = run(Some(fault));
                    disk.set_fault(Some(Fault { step: cut, mode: Mode::Cut }));
                    let partition = Partition::new(environment.channel(), prepared.id);
                    let again = change(&environment, &partition);
                    assert!(matches!(again, Ok(()) | Err(Error::Unavailable(_))), "{fault:?}: {again:?}");
                    let case = format!("again after {fault:?}, cut at {cut}");
                    assert_disks(&disk, &before, &after, again.is_ok(), prepared, &case);
                }
            }
        }
    }
}

fn assert_disks(disk: &Disk, before: &Seen, after: &Seen, acknowledged: bool, prepared: &Prepared, case: &str) {
    for (label, disk) in disk.after_power_cut() {
        let environment = open_storage(Box::new(disk)).unwrap_or_else(|error| panic!("{case}, {label}: {error}"));
        let seen = see(&environment);
        if acknowledged {
            assert_eq!(&seen, after, "{case}, {label}");
        } else {
            assert!(&seen == before || &seen == after, "{case}, {label}: {seen:?}");
        }
        if let Ok(old) = Partition::new(environment.channel(), prepared.id).open("old") {
            assert_eq!(old.decrypt(b"", &prepared.ciphertext).unwrap(), b"old", "{case}, {label}");
        }
    }
}

#[test]
fn generate() {
    check(|_, partition| partition.generate("new", &template()).map(drop));
}

#[test]
fn rotate() {
    check(|_, partition| partition.open("old")?.rotate().map(drop));
}

#[test]
fn destroy() {
    check(|_, partition| partition.open("old")?.destroy());
}

#[test]
fn a_later_head() {
    check(|environment, _| environment.management().record_head("audit", head(2)));
}

#[test]
fn counters_are_raised_all_or_none() {
    let prepared = prepare();
    check_on(&prepared, |environment, _| {
        let partition = Partition::new(environment.provisioning(), prepared.provisioning);
        partition.raise_counters(&[("time", 2), ("epoch", 3), ("crl:aa", 1)])
    });
}

#[test]
fn create_partition() {
    check(|environment, _| environment.management().create_partition(&ae()).map(drop));
}

#[test]
fn drop_partition() {
    check(|environment, partition| environment.management().drop_partition(partition.id()));
}

#[test]
fn a_first_head() {
    let disk = Disk::default();
    drop(open_storage(Box::new(disk.clone())).unwrap());
    for step in 0..9 {
        for mode in [Mode::Cut, Mode::Fail, Mode::FailAfter] {
            let disk = disk.copy();
            let environment = open_storage(Box::new(disk.clone())).unwrap();
            disk.set_fault(Some(Fault { step, mode }));
            let result = environment.management().record_head("audit", head(1));
            for (label, disk) in disk.after_power_cut() {
                let kept = open_storage(Box::new(disk)).unwrap().management().head("audit").unwrap();
                let whole = kept == Some(head(1)) || (kept.is_none() && result.is_err());
                assert!(whole, "step {step} {mode:?}, {label}: {kept:?} after {result:?}");
            }
        }
    }
}

#[test]
fn a_use_is_counted_before_it_is_granted() {
    let disk = Disk::default();
    let environment = open_storage(Box::new(disk.clone())).unwrap();
    let id = new_partition(&environment).id();
    let few = Template { max_uses: Some(3), ..Template::new(Algorithm::HmacSha256, Usage::MAC).persistent() };
    Partition::new(environment.channel(), id).generate("few", &few).unwrap();
    for step in 0..4 {
        for mode in [Mode::Cut, Mode::Fail, Mode::FailAfter] {
            let disk = disk.copy();
            let environment = open_storage(Box::new(disk.clone())).unwrap();
            let key = Partition::new(environment.channel(), id).open("few").unwrap();
            disk.set_fault(Some(Fault { step, mode }));
            let granted = usize::from(key.mac(b"").is_ok());
            for (label, disk) in disk.after_power_cut() {
                let environment = open_storage(Box::new(disk)).unwrap();
                let key = Partition::new(environment.channel(), id).open("few").unwrap();
                let left = (0..5).take_while(|_| key.mac(b"").is_ok()).count();
                assert!(
                    (2..=3 - granted).contains(&left),
                    "step {step} {mode:?}, {label}: {granted} granted, {left} left"
                );
            }
        }
    }
}

#[test]
fn a_store_that_was_cut_while_it_was_made_is_made_again() {
    let disk = Disk::default();
    drop(open_storage(Box::new(disk.clone())).unwrap());
    let steps = disk.steps();
    assert!(steps >= 8, "{steps}");
    for step in 0..steps {
        for mode in [Mode::Cut, Mode::FailAfter] {
            let disk = Disk::default();
            disk.set_fault(Some(Fault { step, mode }));
            let first = open_storage(Box::new(disk.clone()));
            assert!(first.is_err() || mode == Mode::FailAfter, "step {step}");
            for (label, disk) in disk.after_power_cut() {
                let environment = open_storage(Box::new(disk.clone()))
                    .unwrap_or_else(|error| panic!("step {step} {mode:?}, {label}: {error}"));
                new_partition(&environment).generate("new", &template()).unwrap();
                drop(environment);
                assert_eq!(see(&open_storage(Box::new(disk)).unwrap()).0, [[("new".to_owned(), 1)]]);
            }
        }
    }
}

#[test]
fn a_full_disk_stops_changes_and_nothing_else() {
    let prepared = prepare();
    let environment = open_storage(Box::new(prepared.disk.clone())).unwrap();
    let partition = Partition::new(environment.channel(), prepared.id);
    let old = partition.open("old").unwrap();
    prepared.disk.set_fault(Some(Fault { step: 0, mode: Mode::Cut }));
    assert!(matches!(partition.generate("new", &template()), Err(Error::Unavailable(_))));
    assert!(matches!(old.destroy(), Err(Error::Unavailable(_))));
    assert_eq!(old.decrypt(b"", &prepared.ciphertext).unwrap(), b"old");
    prepared.disk.set_fault(None);
    assert!(partition.generate("new", &template()).is_ok());
    assert_eq!(old.destroy(), Ok(()));
}
