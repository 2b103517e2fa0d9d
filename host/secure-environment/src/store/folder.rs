//! A folder of the file system, held by one process at a time and closed to all other users.

use std::{
    fs::TryLockError,
    io::{self, Read, Write},
};

use cap_std::fs::{Dir, File, MetadataExt, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt};

use super::Storage;
use crate::OpenError;

const LOCK: &str = "lock";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The store's folder. Mode 0700, files 0600.
pub(crate) struct Folder {
    dir: Dir,
    /// Locked as long as the folder is open.
    _lock: std::fs::File,
}

impl Folder {
    /// Takes the folder for this process. An empty one gets its mode set; in one that is used, a wrong mode is an error.
    pub(crate) fn open(dir: Dir) -> Result<Self, OpenError> {
        let names = check_entries(&dir)?;
        check_folder(&dir, names)?;
        let lock = open_lock(&dir).map_err(|error| io_error(LOCK, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
            Err(TryLockError::Error(error)) => Err(io_error(LOCK, error)),
        }
    }

    fn open_file(&self, name: &str) -> io::Result<File> {
        self.dir.open(name)
    }
}

impl Storage for Folder {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in self.dir.entries()? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != LOCK {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn read(&self, name: &str, max_bytes: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // One byte more than allowed tells a file that is too long.
        self.open_file(name)?.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > max_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(FILE_MODE);
        self.dir.open_with(name, &options)?.write_all(bytes)
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.open_file(name)?.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.dir.rename(from, &self.dir, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.dir.remove_file(name)
    }

    fn sync_folder(&self) -> io::Result<()> {
        // The folder's own descriptor may be a mere path (`O_PATH`), which cannot be synced.
        self.open_file(".")?.sync_all()
    }
}

/// Refuses whatever is not a file of ours alone; gives the number of files.
fn check_entries(dir: &Dir) -> Result<usize, OpenError> {
    let mut count = 0;
    for entry in dir.entries().map_err(|error| io_error(".", error))? {
        let entry = entry.map_err(|error| io_error(".", error))?;
        let file = entry.file_name().to_string_lossy().into_owned();
        let metadata = entry.metadata().map_err(|error| io_error(&file, error))?;
        if !metadata.is_file() {
            return Err(OpenError::Foreign { file });
        }
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(OpenError::Permissions { file, mode, wanted: FILE_MODE });
        }
        count += 1;
    }
    Ok(count)
}

fn check_folder(dir: &Dir, files: usize) -> Result<(), OpenError> {
    let mode = dir.dir_metadata().map_err(|error| io_error(".", error))?.mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    if files != 0 {
        return Err(OpenError::Permissions { file: ".".to_owned(), mode, wanted: FOLDER_MODE });
    }
    dir.set_permissions(".", Permissions::from_mode(FOLDER_MODE)).map_err(|error| io_error(".", error))
}

fn open_lock(dir: &Dir) -> io::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(FILE_MODE);
    Ok(dir.open_with(LOCK, &options)?.into_std())
}

fn io_error(file: &str, error: io::Error) -> OpenError {
    OpenError::Io { file: file.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use cap_std::ambient_authority;

    use super::*;

    fn open(path: &std::path::Path) -> Result<Folder, OpenError> {
        Folder::open(Dir::open_ambient_dir(path, ambient_authority()).unwrap())
    }

    fn set_mode(path: &std::path::Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn files_are_written_read_and_synced() {
        let place = tempfile::tempdir().unwrap();
        let folder = open(place.path()).unwrap();
        folder.write("a.tmp", b"content").unwrap();
        folder.sync("a.tmp").unwrap();
        folder.rename("a.tmp", "a").unwrap();
        folder.sync_folder().unwrap();
        assert_eq!(folder.names().unwrap(), ["a"]);
        assert_eq!(folder.read("a", 7).unwrap(), b"content");
        assert_eq!(folder.read("a", 6).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(fs::metadata(place.path().join("a")).unwrap().permissions().mode() & 0o777, 0o600);
        folder.remove("a").unwrap();
        assert_eq!(folder.read("a", 7).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn one_process_at_a_time() {
        let place = tempfile::tempdir().unwrap();
        let first = open(place.path()).unwrap();
        assert!(matches!(open(place.path()), Err(OpenError::InUse)));
        drop(first);
        assert!(open(place.path()).is_ok());
    }

    #[test]
    fn others_have_no_access() {
        let place = tempfile::tempdir().unwrap();
        set_mode(place.path(), 0o755);
        drop(open(place.path()).unwrap());
        assert_eq!(fs::metadata(place.path()).unwrap().permissions().mode() & 0o777, 0o700);

        set_mode(place.path(), 0o750);
        assert!(matches!(open(place.path()), Err(OpenError::Permissions { file, mode: 0o750, .. }) if file == "."));
        set_mode(place.path(), 0o700);
        fs::write(place.path().join("manifest"), b"").unwrap();
        set_mode(&place.path().join("manifest"), 0o640);
        assert!(matches!(open(place.path()), Err(OpenError::Permissions { file, .. }) if file == "manifest"));
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let place = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", place.path().join("manifest")).unwrap();
        assert!(matches!(open(place.path()), Err(OpenError::Foreign { file }) if file == "manifest"));
    }
}
