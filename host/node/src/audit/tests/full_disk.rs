//! The same on a real full disk: a small tmpfs, where the test may mount one.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use super::*;

/// Unmounts at the end, also of a failing test.
struct Mounted<'p>(&'p Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

fn mount(at: &Path) -> Option<Mounted<'_>> {
    let done = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(at).output().ok()?;
    done.status.success().then_some(Mounted(at))
}

#[test]
fn a_full_tmpfs_degrades_and_a_freed_one_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mounted) = mount(folder.path()) else {
        // The injected disk of `degraded` covers it where nothing can be mounted.
        return;
    };
    let ballast = folder.path().join("ballast");
    std::fs::write(&ballast, vec![0; 32 * 1024]).unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let keys = TestKeys::with_head(None);
    let audit = Audit::open_with(&dir, keys.clone(), system_clock(), quick()).unwrap();
    let meter = audit.recorder("meter");
    let mut taken = 0_u64;
    let end = Instant::now() + Duration::from_secs(10);
    while meter.list(call("keys.generate", "a", Effect::Allow)).is_ok() {
        taken += 1;
        assert!(Instant::now() < end, "the disk did not fill up");
        thread::sleep(Duration::from_micros(200));
    }
    let State::Degraded { why, .. } = audit.state() else { panic!("healthy") };
    assert!(why.contains("cannot write"), "{why}");
    std::fs::remove_file(&ballast).unwrap();
    wait_until("healthy", || audit.state() == State::Healthy);
    audit.close().unwrap();
    let bytes = std::fs::read(folder.path().join(FILE)).unwrap();
    verify(bytes.as_slice(), Some(&checkpoint_key()), keys.head().unwrap()).unwrap();
    let listed = lines(&bytes).iter().filter(|line| matches!(line.event, Event::Call { .. })).count();
    assert_eq!(listed as u64, taken, "what was taken is in the file, once");
}
