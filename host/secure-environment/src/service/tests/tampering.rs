//! Someone with the disk in hand: each file edited, cut, deleted, swapped, brought in.

use std::{fs, path::Path};

use super::{new_partition, open_folder};
use crate::{
    Algorithm, Credential, Head, InProcess, OpenError, Partition, PartitionType, Passphrase, PassphraseCost,
    SystemClock, Template, Usage,
};

fn template() -> Template {
    Template::new(Algorithm::Ed25519, Usage::SIGN | Usage::ROTATE | Usage::DESTROY).persistent()
}

/// A store with two keys and a head, closed.
fn store() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let environment = open_folder(place.path()).unwrap();
    let partition = new_partition(&environment);
    partition.generate("one", &template()).unwrap();
    partition.generate("two", &template()).unwrap();
    environment.management().record_head("audit", Head { seq: 1, hash: [1; 32] }).unwrap();
    place
}

fn files(place: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(place).unwrap().map(name).filter(|name| name != "lock").collect();
    names.sort();
    names
}

fn named(error: &OpenError) -> Option<&str> {
    match error {
        OpenError::Missing { file } | OpenError::Broken { file, .. } | OpenError::Foreign { file } => Some(file),
        OpenError::Format { file, .. } => Some(file),
        _ => None,
    }
}

fn refused(place: &Path) -> OpenError {
    let before: Vec<_> = files(place).iter().map(|name| fs::read(place.join(name)).unwrap()).collect();
    let Err(error) = open_folder(place) else { panic!("the store opened") };
    let after: Vec<_> = files(place).iter().map(|name| fs::read(place.join(name)).unwrap()).collect();
    assert_eq!(before, after, "a refused store is left as it is");
    error
}

#[test]
fn a_whole_store_opens() {
    let place = store();
    assert_eq!(files(place.path()).len(), 5);
    assert!(open_folder(place.path()).is_ok());
}

#[test]
fn an_edited_file_is_named() {
    let place = store();
    for name in files(place.path()) {
        let path = place.path().join(&name);
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            fs::write(&path, bad).unwrap();
            let error = refused(place.path());
            let header = name == "store"
                && matches!(error, OpenError::WrongRootKey | OpenError::OtherProvider { .. } | OpenError::RootKey(_));
            assert!(header || named(&error) == Some(&name), "{name}, byte {at}: {error}");
        }
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        let error = refused(place.path());
        assert!(matches!(error, OpenError::WrongRootKey) || named(&error) == Some(&name), "{name} cut: {error}");
        fs::write(&path, good).unwrap();
    }
    assert!(open_folder(place.path()).is_ok());
}

#[test]
fn a_deleted_file_is_named() {
    let place = store();
    for name in files(place.path()) {
        let path = place.path().join(&name);
        let good = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let error = refused(place.path());
        assert!(matches!(&error, OpenError::Missing { file } if *file == name), "{name}: {error}");
        fs::write(&path, good).unwrap();
        set_private(&path);
    }
    assert!(open_folder(place.path()).is_ok());
}

#[test]
fn a_store_without_header_is_not_made_anew() {
    let place = tempfile::tempdir().unwrap();
    new_partition(&open_folder(place.path()).unwrap());
    fs::remove_file(place.path().join("store")).unwrap();
    assert!(matches!(refused(place.path()), OpenError::Missing { file } if file == "store"));
}

#[test]
fn swapped_files_are_noticed() {
    let place = store();
    let keys: Vec<_> = files(place.path()).into_iter().filter(|name| name.starts_with("key-")).collect();
    let path = |name: &str| place.path().join(name);
    fs::rename(path(&keys[0]), path("held")).unwrap();
    fs::rename(path(&keys[1]), path(&keys[0])).unwrap();
    fs::rename(path("held"), path(&keys[1])).unwrap();
    assert!(matches!(refused(place.path()), OpenError::Broken { file, .. } if file == keys[0]));
}

#[test]
fn a_destroyed_key_does_not_come_back_with_its_file() {
    let place = store();
    let keys: Vec<_> = files(place.path()).into_iter().filter(|name| name.starts_with("key-")).collect();
    let old = fs::read(place.path().join(&keys[0])).unwrap();
    let environment = open_folder(place.path()).unwrap();
    let (id, _) = environment.management().partitions().unwrap()[0].clone();
    let partition = Partition::new(environment.channel(), id);
    partition.open("one").unwrap().destroy().unwrap();
    drop((partition, environment));
    assert!(!files(place.path()).contains(&keys[0]));

    fs::write(place.path().join(&keys[0]), &old).unwrap();
    set_private(&place.path().join(&keys[0]));
    let environment = open_folder(place.path()).unwrap();
    let partition = Partition::new(environment.channel(), id);
    assert_eq!(partition.aliases().unwrap(), ["two"]);
    // It is ours, and obsolete: a leftover, which opening clears away.
    assert!(!files(place.path()).contains(&keys[0]));
}

#[test]
fn a_manifest_that_was_put_back_alone_is_noticed() {
    let place = tempfile::tempdir().unwrap();
    let environment = open_folder(place.path()).unwrap();
    let partition = new_partition(&environment);
    let old = fs::read(place.path().join("manifest")).unwrap();
    partition.generate("one", &template()).unwrap();
    partition.generate("two", &template()).unwrap();
    drop((partition, environment));
    fs::write(place.path().join("manifest"), &old).unwrap();
    // Nor are the newer keys taken for leftovers and removed.
    assert!(matches!(refused(place.path()), OpenError::Broken { file, .. } if file == "manifest"));
}

#[test]
fn a_dropped_partition_leaves_no_counters() {
    let place = tempfile::tempdir().unwrap();
    let environment = open_folder(place.path()).unwrap();
    let id = environment.management().create_partition(&PartitionType::provisioning()).unwrap();
    Partition::new(environment.provisioning(), id).raise_counters(&[("crl:aa", 1)]).unwrap();
    let is_in_manifest =
        || fs::read(place.path().join("manifest")).unwrap().windows(6).any(|window| window == b"crl:aa");
    assert!(is_in_manifest());
    environment.management().drop_partition(id).unwrap();
    assert!(!is_in_manifest());
}

#[test]
fn a_manifest_older_than_a_head_is_noticed() {
    let place = tempfile::tempdir().unwrap();
    let environment = open_folder(place.path()).unwrap();
    let management = environment.management();
    management.record_head("audit", Head { seq: 1, hash: [1; 32] }).unwrap();
    let old = fs::read(place.path().join("manifest")).unwrap();
    new_partition(&environment);
    management.record_head("audit", Head { seq: 2, hash: [1; 32] }).unwrap();
    drop((management, environment));
    fs::write(place.path().join("manifest"), &old).unwrap();
    assert!(matches!(refused(place.path()), OpenError::Broken { file, .. } if file == "manifest"));
}

#[test]
fn a_foreign_file_is_named() {
    let place = store();
    let elsewhere = store();
    let theirs = files(elsewhere.path()).into_iter().find(|name| name.starts_with("key-")).unwrap();
    for (name, content) in [
        ("notes.txt", b"hello".to_vec()),
        ("key-00000000000000ff", fs::read(elsewhere.path().join(theirs)).unwrap()),
        ("head-other", fs::read(place.path().join("head-audit")).unwrap()),
    ] {
        let path = place.path().join(name);
        fs::write(&path, content).unwrap();
        set_private(&path);
        let error = refused(place.path());
        assert!(matches!(&error, OpenError::Foreign { file } if file == name), "{name}: {error}");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn another_root_key_or_provider_opens_nothing() {
    let place = store();
    let open = |root_key: &dyn crate::RootKeyProvider| {
        let dir = cap_std::fs::Dir::open_ambient_dir(place.path(), cap_std::ambient_authority()).unwrap();
        InProcess::open(dir, root_key, std::sync::Arc::new(SystemClock::new())).map(drop)
    };
    let other = Credential::new(vec![8; 32].into());
    assert!(matches!(open(&other), Err(OpenError::WrongRootKey)));
    let passphrase = Passphrase::new(b"x".to_vec().into(), PassphraseCost::default());
    assert!(matches!(open(&passphrase), Err(OpenError::OtherProvider { given: "passphrase", .. })));
    assert!(open(&super::root_key()).is_ok());
}

#[test]
fn a_passphrase_opens_its_store() {
    let place = tempfile::tempdir().unwrap();
    let open = |passphrase: &[u8]| {
        let dir = cap_std::fs::Dir::open_ambient_dir(place.path(), cap_std::ambient_authority()).unwrap();
        let cost = PassphraseCost { memory_kib: 19 * 1024, passes: 1, lanes: 1 };
        let root_key = Passphrase::new(passphrase.to_vec().into(), cost);
        InProcess::open(dir, &root_key, std::sync::Arc::new(SystemClock::new()))
    };
    new_partition(&open(b"open sesame").unwrap());
    assert_eq!(open(b"open sesame").unwrap().management().partitions().unwrap().len(), 1);
    assert!(matches!(open(b"open barley"), Err(OpenError::WrongRootKey)));
}

fn set_private(path: &Path) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}
