//! `m2m-authority`: see `m2m-authority help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    m2m_authority::cli::main()
}
