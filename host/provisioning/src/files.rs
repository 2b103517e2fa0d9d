//! Files of the state folder, each replaced as a whole: after a cut there is the one before or the one after.

use std::io::{self, Write};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};

/// What is kept. Behind a trait so that tests can cut the power.
pub(crate) trait Files: Send + Sync {
    /// The content, `None` where there is no such file.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Replaces the content; durable before it returns.
    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()>;
}

impl Files for Dir {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match Dir::read(self, name) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let temporary = format!("{name}.tmp");
        let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).clone();
        let mut file = self.open_with(&temporary, &options)?;
        file.write_all(content)?;
        file.sync_all()?;
        self.rename(&temporary, self, name)?;
        self.open(".")?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let place = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(place.path(), cap_std::ambient_authority()).unwrap();
        assert_eq!(Files::read(&dir, "a").unwrap(), None);
        dir.replace("a", b"one").unwrap();
        dir.replace("a", b"2").unwrap();
        assert_eq!(Files::read(&dir, "a").unwrap().as_deref(), Some(&b"2"[..]));
        assert_eq!(dir.entries().unwrap().count(), 1);
    }
}
