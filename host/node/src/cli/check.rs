//! `m2m-host check`: what a component imports, and what a capability file would have to grant.

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;
use wasmtime::component::Component;

use super::terminal;
use crate::engine::{ComponentBytes, EngineSize, NodeEngine};
use crate::linker::{self, Import};

/// Arguments of `m2m-host check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component, a `.wasm` file
    component: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    component: String,
    digest: String,
    bytes: usize,
    /// Every import that this node offers, with what grants it.
    imports: Vec<ImportReport>,
    /// Whether a node that grants all of it could run it.
    runnable: bool,
    /// Why not.
    in_the_way: Option<String>,
}

#[derive(Serialize)]
struct ImportReport {
    name: String,
    needs: String,
    offered: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let name = args.component.display().to_string();
    let file = File::open(&args.component).with_context(|| format!("`{name}`"))?;
    let component = ComponentBytes::take_in(file).map_err(|error| anyhow::anyhow!("`{name}` {error}"))?;
    let engine = NodeEngine::new(EngineSize { aes: 1, memory_bytes: 4 << 30, table_elements: 1 << 20 })?;
    let compiled = Component::from_binary(engine.wasmtime(), component.bytes())
        .map_err(|error| anyhow::anyhow!("`{name}` is malformed: {error:#}"))?;
    let imports: Vec<_> = linker::imports(&compiled, engine.wasmtime()).into_iter().map(ImportReport::new).collect();
    let in_the_way = linker::check(engine.wasmtime(), &compiled).err().map(|error| error.to_string());
    let report = Report {
        component: name,
        digest: component.digest().to_string(),
        bytes: component.bytes().len(),
        imports,
        runnable: in_the_way.is_none(),
        in_the_way,
    };
    if args.json {
        terminal::json(&report)?;
    } else {
        report.print();
    }
    Ok(if report.runnable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl ImportReport {
    fn new(name: String) -> Self {
        let (needs, offered) = match Import::named(&name) {
            Import::Contract => ("nothing: part of the contract".to_owned(), true),
            Import::ByGrant(interface) => (format!("{} in its capability file", linker::section(interface)), true),
            Import::Unknown => ("what no node offers".to_owned(), false),
        };
        Self { name, needs, offered }
    }
}

impl Report {
    fn print(&self) {
        terminal::say(format_args!("{}: {} bytes, {}", self.component, self.bytes, self.digest));
        for import in &self.imports {
            let mark = if import.offered { "\x1b[32m✓\x1b[0m" } else { "\x1b[31m✗\x1b[0m" };
            terminal::say(format_args!("  {mark} {} needs {}", import.name, import.needs));
        }
        if let Some(why) = &self.in_the_way {
            terminal::say(format_args!("  \x1b[31m✗\x1b[0m cannot run: {why}"));
        }
        if self.runnable {
            terminal::say(format_args!("To pin it: component = {{ digest = \"{}\" }}", self.digest));
        }
    }
}
