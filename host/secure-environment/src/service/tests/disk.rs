//! A disk that can fail, and that can lose what nobody synced.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use crate::Storage;

/// A folder in memory. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Clone, Default)]
struct State {
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names that no `sync_folder` has made durable, oldest first.
    pending: Vec<NameChange>,
    fault: Option<Fault>,
    steps: usize,
}

#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Clone)]
enum NameChange {
    Set(String, usize),
    Rename(String, String),
    Remove(String),
}

/// What goes wrong at a step, counted from where the fault was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) step: usize,
    pub(super) mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The step and all later ones fail: the power is gone.
    Cut,
    /// The step fails, the next one works: a disk that was full for a moment.
    Fail,
    /// The step fails although it was done.
    FailAfter,
}

/// What becomes of content that was written and not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsynced {
    Lost,
    Torn,
    Kept,
}

impl Disk {
    pub(super) fn set_fault(&self, fault: Option<Fault>) {
        let mut state = self.0.lock().unwrap();
        state.fault = fault;
        state.steps = 0;
    }

    /// The steps since the fault was set.
    pub(super) fn steps(&self) -> usize {
        self.0.lock().unwrap().steps
    }

    /// A disk of its own with the same content.
    pub(super) fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().unwrap().clone())))
    }

    /// Every disk that a power cut now may leave.
    pub(super) fn after_power_cut(&self) -> Vec<(String, Self)> {
        let state = self.0.lock().unwrap();
        let mut disks = Vec::new();
        for kept_changes in 0..=state.pending.len() {
            for unsynced in [Unsynced::Lost, Unsynced::Torn, Unsynced::Kept] {
                let label = format!("{kept_changes} of {} names, content {unsynced:?}", state.pending.len());
                disks.push((label, Self(Arc::new(Mutex::new(state.after_power_cut(kept_changes, unsynced))))));
            }
        }
        disks
    }

    fn step(&self, work: impl FnOnce(&mut State) -> io::Result<()>) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let step = state.steps;
        state.steps += 1;
        match state.fault {
            Some(Fault { step: at, mode: Mode::Cut }) if step >= at => Err(full()),
            Some(Fault { step: at, mode: Mode::Fail }) if step == at => Err(full()),
            Some(Fault { step: at, mode: Mode::FailAfter }) if step == at => work(&mut state).and(Err(full())),
            _ => work(&mut state),
        }
    }
}

impl State {
    fn after_power_cut(&self, kept_changes: usize, unsynced: Unsynced) -> Self {
        let mut names = self.durable_names.clone();
        self.pending.iter().take(kept_changes).for_each(|change| change.apply(&mut names));
        let content = |file: &Content| match unsynced {
            _ if file.now == file.durable => file.now.clone(),
            Unsynced::Lost => file.durable.clone(),
            Unsynced::Torn => file.now[..file.now.len() / 2].to_vec(),
            Unsynced::Kept => file.now.clone(),
        };
        let files = self.files.iter().map(content).map(|now| Content { durable: now.clone(), now }).collect();
        Self { files, durable_names: names.clone(), names, ..Self::default() }
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending.push(change);
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or(io::ErrorKind::NotFound.into())
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Set(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl Storage for Disk {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().names.keys().cloned().collect())
    }

    fn read(&self, name: &str, _max_bytes: u64) -> io::Result<Vec<u8>> {
        let state = self.0.lock().unwrap();
        Ok(state.files[state.find(name)?].now.clone())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.step(|state| {
            let file = state.find(name).unwrap_or_else(|_| {
                state.files.push(Content::default());
                let file = state.files.len() - 1;
                state.change(NameChange::Set(name.to_owned(), file));
                file
            });
            state.files[file].now = bytes.to_vec();
            Ok(())
        })
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.step(|state| {
            let file = state.find(name)?;
            state.files[file].durable = state.files[file].now.clone();
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.step(|state| {
            state.find(from)?;
            state.change(NameChange::Rename(from.to_owned(), to.to_owned()));
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.step(|state| {
            state.find(name)?;
            state.change(NameChange::Remove(name.to_owned()));
            Ok(())
        })
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.step(|state| {
            state.durable_names = state.names.clone();
            state.pending.clear();
            Ok(())
        })
    }
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}
