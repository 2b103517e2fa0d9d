//! Who sits on the link between the nodes: hands on what it hears, says some of it twice and some of it changed.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Every so many frames one is said twice, and one between them is said again with a bit turned over.
const MISCHIEF_EVERY: u64 = 50;
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// What it did.
#[derive(Debug, Default)]
pub(crate) struct Interceptor {
    heard: AtomicU64,
    replayed: AtomicU64,
    changed: AtomicU64,
}

impl Interceptor {
    /// Listens at `here` for the node that dials, and dials `there` for it.
    pub(crate) fn start(here: &Path, there: &Path) -> std::io::Result<Arc<Self>> {
        let listener = UnixListener::bind(here)?;
        let interceptor = Arc::new(Self::default());
        let (ours, there) = (Arc::clone(&interceptor), there.to_owned());
        thread::spawn(move || {
            for dialled in listener.incoming().map_while(Result::ok) {
                let _ = ours.join(&dialled, &there);
            }
        });
        Ok(interceptor)
    }

    fn join(self: &Arc<Self>, dialled: &UnixStream, there: &PathBuf) -> std::io::Result<()> {
        let further = UnixStream::connect(there)?;
        let (back_from, back_to) = (further.try_clone()?, dialled.try_clone()?);
        let (forth_from, forth_to) = (dialled.try_clone()?, further);
        let ours = Arc::clone(self);
        thread::spawn(move || ours.hand_on(back_from, back_to));
        let ours = Arc::clone(self);
        thread::spawn(move || ours.hand_on(forth_from, forth_to));
        Ok(())
    }

    fn hand_on(&self, mut from: UnixStream, mut to: UnixStream) {
        while let Ok(frame) = read(&mut from) {
            if self.pass(&frame, &mut to).is_err() {
                break;
            }
        }
        let _ = from.shutdown(std::net::Shutdown::Both);
        let _ = to.shutdown(std::net::Shutdown::Both);
    }

    fn pass(&self, frame: &[u8], to: &mut UnixStream) -> std::io::Result<()> {
        write(to, frame)?;
        let heard = self.heard.fetch_add(1, Ordering::Relaxed) + 1;
        if heard.is_multiple_of(MISCHIEF_EVERY) {
            self.replayed.fetch_add(1, Ordering::Relaxed);
            return write(to, frame);
        }
        if (heard + MISCHIEF_EVERY / 2).is_multiple_of(MISCHIEF_EVERY) {
            self.changed.fetch_add(1, Ordering::Relaxed);
            let mut changed = frame.to_vec();
            changed.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1);
            return write(to, &changed);
        }
        Ok(())
    }

    pub(crate) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    pub(crate) fn replayed(&self) -> u64 {
        self.replayed.load(Ordering::Relaxed)
    }

    pub(crate) fn changed(&self) -> u64 {
        self.changed.load(Ordering::Relaxed)
    }
}

fn read(from: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let mut frame = vec![0; length];
    from.read_exact(&mut frame)?;
    Ok(frame)
}

fn write(to: &mut UnixStream, frame: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(std::io::Error::other)?;
    to.write_all(&[&length.to_be_bytes(), frame].concat())
}
