//! The components of the examples and of the tests.

use std::io::IsTerminal;

use m2m_guest_toolchain::{BuildRequest, BuiltComponent, Output, Toolchain};

use crate::root::{root, target};

/// Builds the examples.
pub(crate) fn build_examples() -> anyhow::Result<Vec<BuiltComponent>> {
    build(&["examples"])
}

/// Builds the examples and the guests of the tests.
pub(crate) fn build_all() -> anyhow::Result<Vec<BuiltComponent>> {
    build(&["examples", "tests/guests"])
}

fn build(workspaces: &[&str]) -> anyhow::Result<Vec<BuiltComponent>> {
    let say = |step: &str| eprintln!("guests: {step}");
    let toolchain = Toolchain::find(&say)?;
    say(&format!("building with {}", toolchain.describe()));
    let output = if std::io::stderr().is_terminal() { Output::Inherit } else { Output::Capture };
    let mut built = Vec::new();
    for workspace in workspaces {
        let request = BuildRequest::new(root().join(workspace), target().join("guests")).output(output);
        built.extend(toolchain.build(&request)?);
    }
    Ok(built)
}
