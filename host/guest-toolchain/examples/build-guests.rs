//! `build-guests MANIFEST-DIR TARGET-DIR [PACKAGE…]`: builds components and lists them with size and digest.

use std::{
    error::Error,
    io::{self, Write},
};

use m2m_guest_toolchain::{BuildRequest, Output, Toolchain};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(manifest_dir), Some(target_dir)) = (arguments.next(), arguments.next()) else {
        return Err("expected: build-guests MANIFEST-DIR TARGET-DIR [PACKAGE…]".into());
    };
    let toolchain = Toolchain::find(&|step| eprintln!("{step}"))?;
    eprintln!("{}", toolchain.describe());
    let request = BuildRequest::new(manifest_dir, target_dir).output(Output::Inherit);
    let request = arguments.fold(request, BuildRequest::package);
    let mut stdout = io::stdout().lock();
    for component in toolchain.build(&request)? {
        let (name, size_bytes) = (&component.name, component.size_bytes);
        writeln!(stdout, "{name:16} {size_bytes:7} {}", component.digest())?;
    }
    Ok(())
}
