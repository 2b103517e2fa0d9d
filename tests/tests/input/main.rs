//! Everything that a node can be given wrongly. `tests/cases` holds what a table can say, a case a file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod cases;
mod components;
mod folders;
