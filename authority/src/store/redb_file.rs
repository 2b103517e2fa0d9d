//! One file of redb: opened by one writer and any number of readers, commits durable when they return.

use std::path::Path;

use redb::{Builder, ConcurrencyMode, Database, ReadOnlyDatabase, ReadTransaction, ReadableDatabase, WriteTransaction};

use super::StoreError;

/// Cache for pages, in bytes. The default of a gigabyte is more than such a server should take.
const CACHE_BYTES: usize = 32 << 20;

pub(super) enum File {
    Writer(Database),
    Reader(ReadOnlyDatabase),
}

impl File {
    /// Opens or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let opened = builder().create(path).map_err(|error| at(path, &error))?;
        restrict(path)?;
        Ok(Self::Writer(opened))
    }

    /// Opens what another process may be writing.
    pub(super) fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        builder().open_read_only(path).map(Self::Reader).map_err(|error| at(path, &error))
    }

    pub(super) fn read(&self) -> Result<ReadTransaction, StoreError> {
        match self {
            Self::Writer(database) => database.begin_read().map_err(failed),
            Self::Reader(database) => database.begin_read().map_err(failed),
        }
    }

    /// Runs `body` in one transaction. It is committed, durably, when `body` gives `Ok`, and leaves no trace otherwise.
    pub(super) fn write<T, E: From<StoreError>>(
        &self,
        body: impl FnOnce(&WriteTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let Self::Writer(database) = self else { return Err(StoreError("opened for reading only".to_owned()).into()) };
        let transaction = database.begin_write().map_err(failed)?;
        let value = body(&transaction)?;
        transaction.commit().map_err(failed)?;
        Ok(value)
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder
}

fn restrict(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(|error| at(path, &error))
}

fn at(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError(format!("`{}`: {error}", path.display()))
}

pub(super) fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError(error.to_string())
}
