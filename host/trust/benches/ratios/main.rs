//! What the protocol costs on top of its cryptography: `cargo bench -p m2m-trust`, or `cargo xtask bench trust`.
//!
//! Each figure is a rate of ours over the rate of the bare cryptographic operations that it cannot do without. The two take
//! turns, operation by operation, so that whatever else the machine does falls on both. With `--json` each figure is a JSON
//! object on a line of its own. Without `--bench`, as `cargo test` calls it, everything runs once and nothing is measured.
#![allow(missing_docs, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

mod authorization;
mod broadcast;
mod figure;
mod paired;
mod sizes;

use paired::Effort;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let measuring = has("--bench");
    let effort = if measuring { Effort::Measure } else { Effort::Try };
    let figures = broadcast::figures(effort).into_iter().chain([authorization::figure(effort)]).chain(sizes::figures());
    for figure in figures.filter(|_| measuring) {
        println!("{}", if has("--json") { figure.json() } else { figure.line() });
    }
}

/// What nodes are granted here.
fn reports() -> m2m_trust::aif::Scope {
    use m2m_trust::dev::services;
    m2m_trust::aif::Scope::empty().with(services::METERING, services::report())
}
