//! Granting by linking: an interface that the capability file does not grant is not there to link against.
//!
//! What is linked is still decided at every call.

use m2m_policy::{Interface, Policy};
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

use crate::ae::AeState;
use crate::bindings::AePre;
use crate::bindings::m2m::node::{authorization, errors, keys, messages, messaging};
use crate::bindings::wasi::clocks::wall_clock;
use crate::bindings::wasi::logging::logging;
use crate::host_calls::shadow_monotonic_clock;

/// Why a component cannot be linked under a capability file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The node has the interface, and the capability file does not grant it.
    #[error("imports `{import}`, which the capability file does not grant: add {section}, or build the AE without it")]
    NotGranted {
        /// The name of the import.
        import: String,
        /// What would grant it.
        section: &'static str,
    },
    /// The node does not have it at all.
    #[error(
        "imports `{import}`, which this node does not offer; an AE reaches the interfaces of `m2m:node@0.1.0`, `wasi:logging`, `wasi:clocks` and, with `[wasi]`, WASI 0.2"
    )]
    NotOffered {
        /// The name of the import.
        import: String,
    },
    /// Names fit and types do not, or the component does not export what an AE gives.
    #[error("does not fit the contract of an AE: {what}")]
    Contract {
        /// Wasmtime's words.
        what: String,
    },
}

/// What one import of a component stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Import {
    /// Types alone, or what every AE has: needs no grant.
    Contract,
    /// Exists by grant.
    ByGrant(Interface),
    /// Not a name that this node knows.
    Unknown,
}

impl Import {
    /// By its name, as `m2m:node/keys@0.1.0`.
    pub fn named(name: &str) -> Self {
        let interface = name.split_once('@').map_or(name, |(interface, _version)| interface);
        match interface {
            "m2m:node/errors" | "m2m:node/messages" => Self::Contract,
            "m2m:node/keys" => Self::ByGrant(Interface::Keys),
            "m2m:node/messaging" => Self::ByGrant(Interface::Messaging),
            "m2m:node/authorization" => Self::ByGrant(Interface::Authorization),
            "wasi:logging/logging" => Self::ByGrant(Interface::Logging),
            "wasi:clocks/wall-clock" => Self::ByGrant(Interface::Clocks),
            other if WASI_PACKAGES.iter().any(|package| other.starts_with(package)) => Self::ByGrant(Interface::Wasi),
            _ => Self::Unknown,
        }
    }
}

const WASI_PACKAGES: [&str; 6] =
    ["wasi:io/", "wasi:cli/", "wasi:filesystem/", "wasi:random/", "wasi:sockets/", "wasi:clocks/"];

/// What a capability file has to say for an interface to be there.
pub fn section(interface: Interface) -> &'static str {
    match interface {
        Interface::Keys => "`[keys.ALIAS]` or `[stateless]`",
        Interface::Messaging => "`[[publish]]`, `[[request]]` or `[[subscribe]]`",
        Interface::Authorization => "`[authorization]`",
        Interface::Logging => "`[logging]`",
        Interface::Clocks => "`[clocks]`",
        Interface::Wasi => "`[wasi]` with `stub = true`",
    }
}

/// The names that a component imports.
pub fn imports(component: &Component, engine: &Engine) -> Vec<String> {
    component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect()
}

/// Links a component against what the policy grants, and nothing else.
pub(crate) fn link(engine: &Engine, component: &Component, policy: &Policy) -> Result<AePre<AeState>, LinkError> {
    link_against(engine, component, &|interface| policy.grants(interface))
}

/// Whether a node that granted everything could run the component.
///
/// # Errors
/// What is in the way.
pub fn check(engine: &Engine, component: &Component) -> Result<(), LinkError> {
    link_against(engine, component, &|_| true).map(drop)
}

/// Whether an interface is granted.
type Grants<'a> = &'a dyn Fn(Interface) -> bool;

fn link_against(engine: &Engine, component: &Component, grants: Grants<'_>) -> Result<AePre<AeState>, LinkError> {
    check_imports(component, engine, grants)?;
    let linked = linker(engine, grants).and_then(|linker| linker.instantiate_pre(component)).and_then(AePre::new);
    linked.map_err(|error| LinkError::Contract { what: format!("{error:#}") })
}

fn check_imports(component: &Component, engine: &Engine, grants: Grants<'_>) -> Result<(), LinkError> {
    for import in imports(component, engine) {
        match Import::named(&import) {
            Import::Contract => {}
            Import::ByGrant(interface) if grants(interface) => {}
            // There, and every reading is denied.
            Import::ByGrant(Interface::Clocks) if grants(Interface::Wasi) => {}
            Import::ByGrant(interface) => return Err(LinkError::NotGranted { import, section: section(interface) }),
            Import::Unknown => return Err(LinkError::NotOffered { import }),
        }
    }
    Ok(())
}

fn linker(engine: &Engine, grants: Grants<'_>) -> wasmtime::Result<Linker<AeState>> {
    type State = HasSelf<AeState>;
    let mut linker = Linker::new(engine);
    if grants(Interface::Wasi) {
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        // Clocks are ours, mediated, whoever asks.
        linker.allow_shadowing(true);
        shadow_monotonic_clock(&mut linker)?;
    }
    errors::add_to_linker::<_, State>(&mut linker, |state| state)?;
    messages::add_to_linker::<_, State>(&mut linker, |state| state)?;
    if grants(Interface::Keys) {
        keys::add_to_linker::<_, State>(&mut linker, |state| state)?;
    }
    if grants(Interface::Messaging) {
        messaging::add_to_linker::<_, State>(&mut linker, |state| state)?;
    }
    if grants(Interface::Authorization) {
        authorization::add_to_linker::<_, State>(&mut linker, |state| state)?;
    }
    if grants(Interface::Logging) {
        logging::add_to_linker::<_, State>(&mut linker, |state| state)?;
    }
    if grants(Interface::Clocks) || grants(Interface::Wasi) {
        wall_clock::add_to_linker::<_, State>(&mut linker, |state| state)?;
    }
    Ok(linker)
}
