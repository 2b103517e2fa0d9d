//! The components of `tests/guests`, built once in a process.

use std::collections::HashMap;
use std::sync::OnceLock;

use m2m_guest_toolchain::{BuildRequest, Toolchain};

use crate::paths::{root, target};

/// Components by name, or why there are none.
type Guests = Result<HashMap<String, Vec<u8>>, String>;

/// The component of the guest `name`.
pub fn guest(name: &str) -> &'static [u8] {
    static GUESTS: OnceLock<Guests> = OnceLock::new();
    let guests = GUESTS.get_or_init(build).as_ref().unwrap_or_else(|error| panic!("{error}"));
    guests.get(name).unwrap_or_else(|| panic!("no guest is named `{name}` in tests/guests"))
}

fn build() -> Guests {
    let toolchain = Toolchain::find(&|_| ()).map_err(|error| error.to_string())?;
    let request = BuildRequest::new(root().join("tests/guests"), target().join("guests"));
    let built = toolchain.build(&request).map_err(|error| error.to_string())?;
    Ok(built.into_iter().map(|component| (component.name, std::fs::read(&component.path).unwrap())).collect())
}
