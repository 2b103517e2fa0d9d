//! `m2m-host`: see `m2m-host help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    m2m_host::cli::main()
}
